"""What receiving servers say when they refuse a message, as data for `rules.bounces.classify`.

Sections are tried from the top: the first that knows a reply decides. Phrases are separated by `|`;
`…` stands for up to 60 characters of anything, everything else is compared in lower case, word for word.
"""

from __future__ import annotations

CERTAIN: tuple[tuple[str, str], ...] = (
    (
        "unspecified",
        """
        administrator bounced | adminbounce
        """,
    ),
    (
        "out_of_office",
        """
        out of office | out of the office | on vacation | auto-reply | autoreply | automatic reply | 自动回复
        """,
    ),
    (
        "protocol",
        """
        helo command rejected | ehlo command rejected | bad helo | invalid helo | invalid ehlo |
        helohost error | helo … not a valid | ehlo … not a valid
        """,
    ),
    (
        "policy",
        """
        sender address rejected | domain of sender | sender domain | sender's domain has |
        sender's domain does | sender … does not exist | sender … doesn't exist | sender unknown |
        unknown sender | mail from domain | return path … does not exist | does not accept mail from |
        do not accept mail from | doesn't accept mail from | your account | sending for this account |
        sending has been | account … suspended from sending | 发件人 | 发信人
        """,
    ),
    (
        "routing",
        """
        relay access denied | relaying denied | relay denied | relay not permitted | relaying not allowed |
        relaying is not allowed | relaying prohibited | relay prohibited | relay not allowed |
        unable to relay | not permitted to relay | we do not relay | denies relay | cannot relay |
        relay operation rejected | rcpthosts | list of allowed rcpthosts | list of allowed recipient hosts
        """,
    ),
    (
        "temporary",
        """
        message expired | retry timeout exceeded | retry time not reached | delivery time expired |
        queue time expired | maximum retry … exceeded | has been in queue too long |
        not been delivered … within
        """,
    ),
    (
        "rate_limited",
        """
        receiving mail at a rate | receiving mail too quickly | frequency limited |
        limits for how many messages can be sent | deferred due to excessive volume | too many messages |
        too many connections | too many concurrent | too many sessions | too many recipients |
        too many emails | too many mails | too much mail | too many same size mails | rate limit |
        rate limited by | rate limited due to too many | ratelimit | rate limits | exceeded the rate limit |
        exceeded the maximum number of messages | exceeded … max emails per hour | throttled | throttling |
        connection limit exceeded | connection rate limit | message rate limit | sending limit |
        daily sending quota | submission quota | hl:icc | hl:ifc | mi:dmc | mi:sfq | mi:ifl | mi:qrd |
        rp:drc | rp:qrc | rp:trc | mailbox unavailable or access denied | 频率限制 | 发信频率 | 发送过于频繁
        """,
    ),
    (
        "reputation",
        """
        spamhaus | spamcop | sorbs | barracudacentral | uceprotect | abusix | invaluement | senderscore |
        cloudmark | ipcheck.proofpoint.com | dnsbl | dnsbls | (bl) | rbl | rbls | psbl | surbl | hostkarma |
        client host … blocked | service refused … blocked | blocked using | on our block list |
        on … block list | on … blocklist | on … blacklist | on … black list | on … deny list |
        in … blacklist | ip blacklisted | blacklisted | black listed | blocklisted | in a black list |
        black ip | rbl deny | banned sending ip | banned sender | ip is rejected | ip is hangup |
        very low reputation | low reputation | poor reputation | bad reputation | ip reputation |
        domain reputation | reputation of the sending | reputation of | sender reputation |
        poor email reputation | due to … reputation | user complaints | unusual rate of unsolicited mail |
        tss04 | tss05 | tss07 | tss09 | tss11 | bl21 | bl23 | s3140 | s3150 | s775 | ou-001 | ou-002 |
        dy-001 | dynamic ip | dynamic/residential | traffic not accepted from this ip | hl:rep | hl:mep |
        dt:rbl | wm:bli | wm:blu | spam statistics | suspected spam sender | suspected bounce attacks |
        blocked by spam statistics | sender's ip … blocked | your ip … blocked | ip address … blocked |
        ip … has been blocked | ip … is blocked | connections will not be accepted from |
        permanently deferred | bad sender ip | black mail address | ib108 | ib103 | ib104 | ib110 | ib212 |
        黑名单 | 信誉
        """,
    ),
    (
        "authentication",
        """
        dmarc | spf check failed | spf check fail | spf fail | spf failed | spf failure | spf validation |
        spf record | spf … fail | fails spf | dkim check failed | dkim … fail | dkim signature |
        dkim = did not pass | unauthenticated | unauthenticated email | not authenticated … sender |
        required authentication level | authentication checks | authentication requirements | ptr record |
        reverse dns | rdns | reverse hostname | reverse host lookup | ip name … lookup failed |
        fix reverse dns | fake sender | sender … forged | sender address verify failed |
        sender verify failed | sender address verification failed
        """,
    ),
    (
        "content",
        """
        virus | malware | trojan | infected | security issue | presents a potential security | phishing |
        ph01 | dangerous attachment | banned attachment | attachment type | attachment … not allowed |
        attachment … blocked | blocked attachment | file type … not allowed | banned content |
        prohibited file | contains a prohibited | illegal attachment | executable attachment | 病毒
        """,
    ),
    (
        "spam",
        """
        likely unsolicited mail | unsolicited | spam content | identified as spam | classified as spam |
        detected as spam | considered spam | considered to be spam | marked as spam | flagged as spam |
        rejected as spam | rejected … as spam | refused … spam | blocked … spam | spam message |
        spam message rejected | spam detected | spam score | spam rejected | spam filter | spam denied |
        spam mail | spam-like | spammy | suspected spam | suspicion of spam | spam suspected |
        looks like spam | look like spam | resembles spam | probable spam | possible spam | likely spam |
        high spam probability | this is spam | is spam | antispam | anti-spam | anti spam | spamassassin |
        rspamd | junk mail | bulk mail rejected | bulk email | mail content denied |
        message content rejected | content rejected | content reject | sc-001 | sc-002 | sc-003 | sc-004 |
        dt:spm | dt:sum | mi:spb | mi:stc | as(42004) | as(42003) | gray mail | greymail | unwanted email |
        unwanted mail | mass mailing | 反垃圾 | 垃圾邮件
        """,
    ),
    (
        "mailbox_full",
        """
        over quota | overquota | over its quota | over the quota | over disk quota | over … quota |
        quota exceeded | quotaexceeded | quotaexceededexception | mapiexceptionshutoffquotaexceeded |
        quota is exceeded | exceeds quota | exceeded … quota | exceed … quota |
        exceeded storage allocation | exceeded its storage | exceeded … storage | out of storage |
        out of storage space | storage full | storage is full | mailbox full | mailbox is full |
        mailbox … is full | mailboxfull | mail box full | mail box is full | inbox full | inbox is full |
        account is full | user is full | user … is full | mail folder is full | not enough storage |
        not enough disk space … mailbox | insufficient … mailbox | no space left … mailbox | disk quota |
        quota violation | mailbox size limit exceeded | mailbox has exceeded | maildir … over |
        boîte pleine | postfach … voll | buzón lleno | 空间不足 | 邮箱已满 | 容量满 | 已满
        """,
    ),
    (
        "too_large",
        """
        message size exceeds | message … exceeds … size | size exceeds | message too large |
        message too big | message is too large | message is too big | message is too long |
        message file too big | message larger than | message is larger than | too large for this mailbox |
        exceeds size limit | exceeds … maximum size | exceeded … size limits | exceeded mailsize limit |
        maximum message size | max message size | recipsizelimit | sendersizelimit |
        attachment is too long | attachment too large | email is too large | 邮件过大 | 邮件太大 | 超过大小
        """,
    ),
    (
        "inactive",
        """
        mailbox … no longer available | address … no longer available | recipient … no longer |
        account … is disabled | account … has been disabled | account … disabled | account disabled |
        account that you tried to reach is disabled | account that you tried to reach is inactive |
        account is inactive | account inactive | account … inactive | account has been suspended |
        account is suspended | account … suspended | account suspended | account … been closed |
        account closed | account expired | account has expired | account … has been deactivated |
        account … locked | account is not active | mailbox disabled | mailbox is disabled |
        mailbox … disabled | mailbox has been disabled | mailbox inactive | mailbox is inactive |
        mailbox … inactive | mailbox is frozen | mailbox frozen | mailbox suspended |
        mailbox has been suspended | mailbox locked | mailbox is locked | mailbox closed | mailbox expired |
        user disabled | user is disabled | user account disabled | user inactive | user is inactive |
        inactive user | user is locked | user suspended | user hangup | user … suspended |
        recipient disabled | recipient suspended | recipient is inactive | recipient … inactive |
        no longer accepts mail | no longer accepts email | no longer in use | no longer active |
        no longer with | no longer employed | has left the company | discontinued | dormant |
        address has been disabled | deactivated | 不活跃 | 已停用 | 已被停用 | 已冻结 | 已注销 | 未激活
        """,
    ),
    (
        "routing",
        """
        hop count exceeded | too many hops | too many received headers | mail loop | mail loops back |
        loops back to myself | looping message | routing loop | loop detected | looping … mail |
        loop: too many hops | connection refused | connection timed out | connection timeout |
        conversation with … timed out | lost connection with | connection dropped | network is unreachable |
        no route to host | could not connect to | couldn't connect to | cannot connect to |
        unable to connect | couldn't establish | servfail | server failure | name server … loop |
        dns query error | dns error | tenant attribution
        """,
    ),
    (
        "unknown_domain",
        """
        domain … does not accept mail (nullmx) | domain does not accept mail |
        domain … does not accept email | domain not found | domain does not exist | domain doesn't exist |
        no such domain | no such host | host not found | host unknown | unknown host | unknown domain |
        domain name not found | host or domain name not found | name or service not known |
        couldn't find any host named | couldn't find any host by that name | nxdomain |
        domain … does not accept mail | domain … not configured to receive | nullmx | null mx |
        no mx record | no valid mx | unrouteable mail domain | dnsdomaindoesnotexist |
        infodomainnonexistent | all relevant mx records point to non-existent hosts | 域名不存在
        """,
    ),
    (
        "unknown_user",
        """
        empfänger … existiert nicht | indirizzo inesistente | destinatario sconosciuto | usuario no existe |
        buzón no existe | cuenta no existe | dirección … no existe | empfänger unbekannt |
        empfaenger unbekannt | benutzer unbekannt | adresse unbekannt | adresse existiert nicht |
        postfach existiert nicht | 找不到收件人 | 找不到用户 | 找不到邮箱 | пользователь не найден | адрес не найден |
        utilisateur inconnu | destinataire inconnu | adresse inconnue | is not a valid mailbox |
        is not a valid user | is not a valid recipient | is not a valid address | is not a valid email |
        invalid user | recipient address rejected: access denied. as( |
        recipient address rejected: access denied … exosmtperrors | user unknown | unknown user |
        user … unknown | user not found | user … not found | user not known | user does not exist |
        user doesn't exist | user … does not exist | user … doesn't exist | user not exist |
        user is not exist | user don't exist | no such user | no such mailbox | no such account |
        no such recipient | no such address | no such email address | no such person | no such mail drop |
        no user here | no mailbox here | no mailbox by that name | no mail box available |
        no … account by that name | no … account with that name | no account here | not a known user |
        not a valid mailbox | not a valid user | not a valid recipient | invalid mailbox |
        invalid recipient | invalid recipients | invalid account | invalid address | invalid rcpt |
        invalid local part | invalid or unknown | invalid - missing | unknown recipient | unknown address |
        unknown address error | unknown account | unknown local part | unknown local-part |
        unknown email address | unknown or illegal alias | unknown mailbox | recipient unknown |
        recipient not found | recipient … not found | recipient does not exist | recipient doesn't exist |
        recipient … does not exist | recipient is not exist | recipient not exist | recipientnotfound |
        adrecipientnotfound | recipnotfound | recipient does not have an account |
        recipient address rejected: undeliverable | recipient no longer on server | mailbox unknown |
        mailbox not found | mailbox … not found | mailbox does not exist | mailbox doesn't exist |
        mailbox … does not exist | mailbox for … does not exist | mailbox not exist | mailbox invalid |
        address unknown | address not found | address … not found | address does not exist |
        address doesn't exist | address … does not exist | address you entered couldn't be found |
        address couldn't be found | address wasn't found | address … couldn't be found | addressee unknown |
        account unknown | account not found | account does not exist | account doesn't exist |
        account … does not exist | account … no exist | account that you tried to reach does |
        email account does not exist | bad destination mailbox | bad destination email | bad recipient |
        unrouteable address | unroutable address | unavailable mail user | not user of this server |
        not our customer | not listed in domino directory | not listed in … directory |
        doesn't have a yahoo | doesn't have a … account | dd this user | rp:urn | rc:ld | rc:ne |
        dosn't exist | utente sconosciuto | usuario desconocido | nie istnieje | n'existe pas | não existe |
        не существует | 不存在 | 未开通
        """,
    ),
    (
        "protocol",
        """
        rfc 5322 compliant | rfc 2822 compliant | not rfc … compliant | message-id header |
        duplicate headers | multiple from | missing … header | bare lf | bare linefeed | bare newlines |
        stray newline | line too long | bad syntax | syntax error | command unrecognized |
        command not recognized | unrecognized command | unrecognised command | command not implemented |
        bad sequence of commands | out of sequence | must issue a starttls | must issue a mail | need rcpt |
        tls required | encryption required | smtputf8 | authentication required | smtp authentication |
        mi:cel | mi:ccl | rp:cel | rp:ccl
        """,
    ),
    (
        "temporary",
        """
        greylist | greylisted | greylisting | grey listed | graylisted | graylist | gray-listed | postgrey |
        temporarily deferred | temporary system problem | server busy | system not accepting |
        server is too busy | temporarily unavailable | temporary failure | temporary local problem |
        temporary lookup failure | resources temporarily | insufficient system resources |
        insufficient system storage | server configuration problem
        """,
    ),
)
"""Words that say it clearly enough to overrule an enhanced status code."""

LIKELY: tuple[tuple[str, str], ...] = (
    (
        "policy",
        """
        local policy | policy reasons | policy violation | policy rejection | for policy |
        organization policy | security policies | security policy | restricted |
        restrictedtorecipientspermission | not authorized | rejectmessage | not in allowed |
        rejected by recipients | rejected by recipient | personal blacklist | user in blacklist |
        sender denied | sender rejected | sender is rejected | host denies the sender | access denied |
        access deny | administrative prohibition | administratively denied | administratively prohibited |
        envelope blocked | prohibited | refused by | not accepted | message rejected | email rejected |
        mail is rejected | rejected by | transaction failed … policy
        """,
    ),
    (
        "spam",
        """
        spam | bulk | abuse | ube | uce
        """,
    ),
    (
        "reputation",
        """
        reputation | blacklist | block list | blocklist | blocked | banned | denylist
        """,
    ),
    (
        "unknown_user",
        """
        mailbox unavailable | mailbox not available | mailbox … unavailable | mailbox name not allowed |
        user unavailable | recipient rejected | recipient address rejected | rcpt is rejected |
        address rejected | user rejected | address invalid | bad address syntax | bad address |
        user not local | delivery error: dd
        """,
    ),
    (
        "temporary",
        """
        try again later | please try again | try later | service unavailable | service not available |
        internal error | local error | system error
        """,
    ),
)
"""Words that say it where there is no enhanced status code, or one that says nothing."""
