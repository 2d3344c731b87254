<?php
// One mail on standard input, sent with PHPMailer (its folder is the argument) as its manual says.
foreach (['Exception', 'SMTP', 'PHPMailer'] as $name) {
    require "$argv[1]/$name.php";
}
$given = json_decode(stream_get_contents(STDIN));
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->SMTPDebug = 2;
$mail->Debugoutput = fn($words) => print(substr($words, 0, 300) . "\n");
$mail->Host = 'localhost';
$mail->Port = $given->port;
$mail->SMTPAuth = $given->tls;
$mail->SMTPAutoTLS = $given->tls;
$mail->SMTPSecure = $given->tls ? 'tls' : '';
$mail->SMTPOptions = ['ssl' => ['cafile' => $given->certificate]];
$mail->Username = $given->user;
$mail->Password = $given->password;
$mail->CharSet = 'UTF-8';
if ($given->eight_bit) {
    $mail->Encoding = '8bit';
}
try {
    $mail->setFrom($given->from, $given->from_name);
    array_map([$mail, 'addAddress'], $given->to);
    array_map([$mail, 'addBCC'], $given->bcc);
    $mail->Subject = $given->subject;
    $mail->Body = $given->html ?: $given->text;
    $mail->isHTML((bool) $given->html);
    $mail->AltBody = $given->html ? $given->text : '';
    $mail->Ical = $given->invitation;
    foreach ($given->inline as $one) {
        $mail->addStringEmbeddedImage(base64_decode($one->content), $one->cid, $one->name, 'base64', $one->kind);
    }
    foreach ($given->attachments as $one) {
        $mail->addStringAttachment(base64_decode($one->content), $one->name, 'base64', $one->kind);
    }
    $mail->send();
} catch (PHPMailer\PHPMailer\Exception $error) {
    echo $error->errorMessage();
    exit(1);
}
