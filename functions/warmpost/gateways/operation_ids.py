"""What operations are called in the OpenAPI document, and so in clients that are generated from it.

A collection's own operations are named after it (`listDomains`, `createDomain`, `getDomain` …); all others stand here.
"""

from __future__ import annotations

import re

SINGULARS = {
    "domains": "Domain",
    "addresses": "Address",
    "templates": "Template",
    "lists": "List",
    "suppressions": "Suppression",
    "bounces": "Bounce",
    "webhooks": "Webhook",
    "pools": "Pool",
    "keys": "Key",
}
VERBS = {"GET": "get", "PATCH": "update", "DELETE": "delete"}
NAMES = {
    "POST /send": "sendMessage",
    "GET /send": "listMessages",
    "GET /send/credential": "checkCredential",
    "GET /send/{id}": "getMessage",
    "GET /send/{id}/content": "getMessageContent",
    "GET /send/{id}/content/parts/{number}": "getMessagePart",
    "POST /send/{id}/resend": "resendMessage",
    "POST /send/{id}/uncertain": "settleUncertainMessage",
    "POST /batch-submit": "submitBatch",
    "GET /batch-submit": "listBatches",
    "POST /batch-submit/check": "checkBatch",
    "POST /batch-submit/forecast": "forecastBatch",
    "GET /batch-submit/{id}": "getBatch",
    "GET /batch-submit/{id}/forecast": "getBatchForecast",
    "GET /batch-submit/{id}/recipients": "listBatchRecipients",
    "GET /batch-submit/{id}/recipients/{position}/content": "getBatchContent",
    "GET /batch-submit/{id}/links": "getBatchReading",
    "GET /batch-submit/{id}/reasons": "getBatchReasons",
    "POST /batch-submit/{id}/uncertain": "settleUncertainBatch",
    "POST /batch-submit/{id}/pause": "pauseBatch",
    "POST /batch-submit/{id}/resume": "resumeBatch",
    "POST /batch-submit/{id}/cancel": "cancelBatch",
    "POST /schedule": "createSchedule",
    "GET /schedule": "listSchedules",
    "GET /schedule/{id}": "getSchedule",
    "PATCH /send/{id}": "changeScheduledMessage",
    "DELETE /send/{id}": "cancelScheduledMessage",
    "PATCH /schedule/{id}": "changeSchedule",
    "DELETE /schedule/{id}": "endSchedule",
    "GET /schedule/{id}/runs": "listScheduleRuns",
    "POST /schedule/{id}/pause": "pauseSchedule",
    "POST /schedule/{id}/resume": "resumeSchedule",
    "GET /manage/domains/{domain}/history": "listDomainHistory",
    "GET /manage/domains/{domain}/days": "listDomainDays",
    "POST /manage/domains/{domain}/verify": "verifyDomain",
    "POST /manage/domains/{domain}/dkim/rotate": "rotateDomainDkim",
    "GET /manage/domains/{domain}/preflight": "checkDomainPreflight",
    "PUT /manage/addresses/{address}/smtp-password": "setSmtpPassword",
    "DELETE /manage/addresses/{address}/smtp-password": "removeSmtpPassword",
    "DELETE /manage/recipients/{address}": "eraseRecipient",
    "GET /manage/recipients/{address}/export": "exportRecipient",
    "GET /manage/erasures/{id}": "getErasure",
    "GET /manage/events": "listEvents",
    "GET /manage/levels": "listLevels",
    "POST /manage/templates/preview": "previewDraft",
    "GET /manage/templates/{template}/versions": "listTemplateVersions",
    "POST /manage/templates/{template}/restore": "restoreTemplate",
    "POST /manage/templates/{template}/test": "sendTemplateTest",
    "POST /manage/templates/{template}/preview": "previewTemplate",
    "GET /manage/lists/{reference}/recipients": "listListRecipients",
    "POST /manage/lists/{reference}/recipients": "addListRecipients",
    "PATCH /manage/lists/{reference}/recipients/{address}": "updateListRecipient",
    "DELETE /manage/lists/{reference}/recipients/{address}": "removeListRecipient",
    "GET /manage/recipients/{address}": "listSentTo",
    "GET /manage/statistics": "getStatistics",
    "POST /manage/suppressions": "addSuppression",
    "DELETE /manage/suppressions/{address}": "liftSuppression",
    "POST /manage/webhooks/{id}/rotate": "rotateWebhookSecret",
    "POST /manage/webhooks/{id}/test": "testWebhook",
    "GET /manage/webhooks/{id}/attempts": "listWebhookAttempts",
    "GET /manage/webhooks/{id}/parked": "listParkedNotifications",
    "POST /manage/webhooks/{id}/resend": "resendParkedNotifications",
    "DELETE /manage/keys/{id}": "revokeKey",
    "GET /manage/health": "getHealth",
    "GET /manage/me": "getMe",
    "GET /manage/audit": "listAudit",
    "GET /manage/deployment": "getDeployment",
    "GET /manage/alive": "isAlive",
    "GET /manage/openapi.json": "getOpenApi",
    "POST /event-webhook/warmpost": "reportEvents",
    "POST /event-webhook/kumomta": "reportKumomtaRecords",
    "POST /event-webhook/dsn": "reportBounceMail",
    "POST /event-webhook/arf": "reportComplaintMail",
    "GET /track/o/{token}": "openPixel",
    "GET /track/c/{token}": "followLink",
    "GET /track/u/{token}": "showUnsubscribePage",
    "POST /track/u/{token}": "unsubscribe",
    "POST /track/u/{token}/undo": "undoUnsubscribe",
}
_RESOURCE = re.compile(r"/manage/(?P<collection>\w+)(?P<one>/\{\w+\})?$")


def operation_id(method: str, path: str) -> str:
    """Raises KeyError for an operation that has no name yet."""
    if name := NAMES.get(f"{method} {path}"):
        return name
    found = _RESOURCE.match(path)
    if found is None or found["collection"] not in SINGULARS:
        raise KeyError(f"{method} {path}")
    singular = SINGULARS[found["collection"]]
    if found["one"]:
        return f"{VERBS[method]}{singular}"
    plural = found["collection"].capitalize()
    return {"GET": f"list{plural}", "POST": f"create{singular}"}[method]
