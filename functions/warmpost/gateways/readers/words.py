"""What the pages behind an unsubscribe link say, in every language of `rules.message.languages`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """ask: before; done: after unsubscribing, with a way back; back: after that. invalid: the link is not ours.

    Each is a title, a sentence, and the words of its button where it has one.
    """

    ask: tuple[str, str, str]
    done: tuple[str, str, str]
    back: tuple[str, str, str]
    invalid: tuple[str, str]
    later: tuple[str, str]


WORDS = {
    "en": Words(
        ask=("Unsubscribe?", "You will no longer receive these e-mails.", "Unsubscribe"),
        done=(
            "You are unsubscribed",
            "You will receive no more of these e-mails. Was it a mistake?",
            "Subscribe again",
        ),
        back=("You are subscribed again", "You will keep receiving these e-mails.", "Unsubscribe"),
        invalid=(
            "This link does not work",
            "It may be incomplete. Please use the link in the e-mail itself.",
        ),
        later=("That did not work", "Please try again in a few minutes."),
    ),
    "zh-CN": Words(
        ask=("确定要退订吗？", "退订后，您将不再收到此类邮件。", "退订"),
        done=("您已退订", "您将不再收到此类邮件。如果是误操作，可以重新订阅。", "重新订阅"),
        back=("您已重新订阅", "您将继续收到此类邮件。", "退订"),
        invalid=("此链接无效", "链接可能不完整，请直接使用邮件中的链接。"),
        later=("操作未成功", "请几分钟后重试。"),
    ),
    "zh-TW": Words(
        ask=("確定要取消訂閱嗎？", "取消訂閱後，您將不再收到此類郵件。", "取消訂閱"),
        done=("您已取消訂閱", "您將不再收到此類郵件。如果是誤操作，可以重新訂閱。", "重新訂閱"),
        back=("您已重新訂閱", "您將繼續收到此類郵件。", "取消訂閱"),
        invalid=("此連結無效", "連結可能不完整，請直接使用郵件中的連結。"),
        later=("操作未成功", "請幾分鐘後再試一次。"),
    ),
    "es": Words(
        ask=("¿Darse de baja?", "Ya no recibirá estos correos.", "Darse de baja"),
        done=(
            "Se ha dado de baja",
            "No recibirá más correos de este tipo. ¿Fue un error?",
            "Volver a suscribirse",
        ),
        back=("Vuelve a estar suscrito", "Seguirá recibiendo estos correos.", "Darse de baja"),
        invalid=("Este enlace no funciona", "Puede estar incompleto. Utilice el enlace del propio correo."),
        later=("No se ha podido completar", "Inténtelo de nuevo dentro de unos minutos."),
    ),
    "fr": Words(
        ask=("Se désabonner ?", "Vous ne recevrez plus ces e-mails.", "Se désabonner"),
        done=(
            "Vous êtes désabonné",
            "Vous ne recevrez plus ces e-mails. C’était une erreur ?",
            "Se réabonner",
        ),
        back=("Vous êtes de nouveau abonné", "Vous continuerez à recevoir ces e-mails.", "Se désabonner"),
        invalid=(
            "Ce lien ne fonctionne pas",
            "Il est peut-être incomplet. Utilisez le lien dans l’e-mail lui-même.",
        ),
        later=("L’opération a échoué", "Veuillez réessayer dans quelques minutes."),
    ),
    "de": Words(
        ask=("Abbestellen?", "Sie erhalten diese E-Mails dann nicht mehr.", "Abbestellen"),
        done=(
            "Abbestellt",
            "Sie erhalten diese E-Mails nicht mehr. War das ein Versehen?",
            "Wieder abonnieren",
        ),
        back=("Wieder abonniert", "Sie erhalten diese E-Mails weiterhin.", "Abbestellen"),
        invalid=(
            "Dieser Link funktioniert nicht",
            "Vielleicht ist er unvollständig. Bitte benutzen Sie den Link in der E-Mail selbst.",
        ),
        later=("Das hat nicht geklappt", "Bitte versuchen Sie es in einigen Minuten noch einmal."),
    ),
    "ja": Words(
        ask=("配信を停止しますか？", "今後、このメールは届かなくなります。", "配信を停止する"),
        done=(
            "配信を停止しました",
            "今後、このメールは届きません。間違えた場合は、配信を再開できます。",
            "配信を再開する",
        ),
        back=("配信を再開しました", "引き続きこのメールをお届けします。", "配信を停止する"),
        invalid=(
            "このリンクは使用できません",
            "リンクが途中で切れている可能性があります。メール内のリンクをご利用ください。",
        ),
        later=("処理できませんでした", "数分後にもう一度お試しください。"),
    ),
    "ko": Words(
        ask=("수신을 거부하시겠습니까?", "앞으로 이 이메일을 받지 않게 됩니다.", "수신 거부"),
        done=(
            "수신 거부되었습니다",
            "앞으로 이 이메일을 받지 않습니다. 실수였다면 다시 구독할 수 있습니다.",
            "다시 구독",
        ),
        back=("다시 구독되었습니다", "이 이메일을 계속 받게 됩니다.", "수신 거부"),
        invalid=(
            "사용할 수 없는 링크입니다",
            "링크가 불완전할 수 있습니다. 이메일에 있는 링크를 이용해 주세요.",
        ),
        later=("처리하지 못했습니다", "몇 분 후에 다시 시도해 주세요."),
    ),
    "ar": Words(
        ask=("إلغاء الاشتراك؟", "لن تصلك هذه الرسائل بعد الآن.", "إلغاء الاشتراك"),
        done=(
            "تم إلغاء اشتراكك",
            "لن تصلك هذه الرسائل بعد الآن. هل حدث ذلك عن طريق الخطأ؟",
            "إعادة الاشتراك",
        ),
        back=("تمت إعادة اشتراكك", "ستستمر هذه الرسائل في الوصول إليك.", "إلغاء الاشتراك"),
        invalid=(
            "هذا الرابط لا يعمل",
            "قد يكون الرابط غير مكتمل. يُرجى استخدام الرابط الموجود في الرسالة نفسها.",
        ),
        later=("تعذّر إتمام العملية", "يُرجى المحاولة مرة أخرى بعد بضع دقائق."),
    ),
    "th": Words(
        ask=("ยกเลิกการรับอีเมลหรือไม่", "คุณจะไม่ได้รับอีเมลเหล่านี้อีก", "ยกเลิกการรับ"),
        done=("ยกเลิกการรับแล้ว", "คุณจะไม่ได้รับอีเมลเหล่านี้อีก หากกดผิด คุณรับใหม่ได้", "รับอีเมลอีกครั้ง"),
        back=("รับอีเมลอีกครั้งแล้ว", "คุณจะได้รับอีเมลเหล่านี้ต่อไป", "ยกเลิกการรับ"),
        invalid=("ลิงก์นี้ใช้ไม่ได้", "ลิงก์อาจไม่ครบถ้วน โปรดใช้ลิงก์ในอีเมล"),
        later=("ดำเนินการไม่สำเร็จ", "โปรดลองอีกครั้งในอีกไม่กี่นาที"),
    ),
    "id": Words(
        ask=("Berhenti berlangganan?", "Anda tidak akan menerima email ini lagi.", "Berhenti berlangganan"),
        done=(
            "Anda telah berhenti berlangganan",
            "Anda tidak akan menerima email ini lagi. Apakah ini tidak disengaja?",
            "Berlangganan lagi",
        ),
        back=("Anda berlangganan lagi", "Anda akan tetap menerima email ini.", "Berhenti berlangganan"),
        invalid=(
            "Tautan ini tidak berfungsi",
            "Tautan mungkin tidak lengkap. Gunakan tautan di dalam email.",
        ),
        later=("Tidak berhasil", "Silakan coba lagi beberapa menit lagi."),
    ),
    "vi": Words(
        ask=("Hủy đăng ký?", "Bạn sẽ không nhận được các email này nữa.", "Hủy đăng ký"),
        done=("Bạn đã hủy đăng ký", "Bạn sẽ không nhận được các email này nữa. Bạn bấm nhầm?", "Đăng ký lại"),
        back=("Bạn đã đăng ký lại", "Bạn sẽ tiếp tục nhận được các email này.", "Hủy đăng ký"),
        invalid=(
            "Liên kết này không dùng được",
            "Liên kết có thể không đầy đủ. Vui lòng dùng liên kết trong email.",
        ),
        later=("Không thực hiện được", "Vui lòng thử lại sau vài phút."),
    ),
}
