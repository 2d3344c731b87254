# What the functions tell of in their log: a word in the field `event`, counted here. WORDS in
# functions/warmpost/rules/operations/log_events.py says what each means.

locals {
  # words: any of them. above: how many in `window` seconds; lasting: for how many seconds.
  told = {
    relay     = { says = "a relay takes no mail", words = ["relay_unreachable"], above = 0, window = 600, lasting = 1200, severity = "ERROR", section = "A relay is blocked" }
    bounced   = { says = "mail was given up for want of a relay", words = ["relay_gave_up"], above = 0, window = 300, lasting = 0, severity = "ERROR", section = "A relay is blocked" }
    refused   = { says = "single sends are refused at the cap", words = ["single_refused"], above = 10, window = 300, lasting = 0, severity = "WARNING", section = "Single sends are refused" }
    blocked   = { says = "bounces blocked a day", words = ["day_blocked"], above = 0, window = 300, lasting = 0, severity = "ERROR", section = "A day is blocked" }
    suspended = { says = "a domain is suspended", words = ["domain_suspended"], above = 0, window = 300, lasting = 0, severity = "ERROR", section = "A domain is suspended" }
    reports   = { says = "reports are refused", words = ["event_signature_rejected"], above = 5, window = 300, lasting = 600, severity = "WARNING", section = "Secrets of events" }
    callers   = { says = "tasks are refused", words = ["caller_rejected"], above = 0, window = 300, lasting = 300, severity = "ERROR", section = "A queue is stuck" }
    left      = { says = "work was left lying", words = ["sweep_found"], above = 0, window = 300, lasting = 0, severity = "WARNING", section = "A queue is stuck" }
    schedules = { says = "a schedule could not start", words = ["schedule_failed"], above = 0, window = 300, lasting = 0, severity = "ERROR", section = "" }
    failures  = { says = "requests fail", words = ["request_failed", "ingest_failed", "event_lost", "unsubscribe_failed"], above = 5, window = 600, lasting = 0, severity = "ERROR", section = "" }
  }
}

resource "google_logging_metric" "told" {
  name        = "warmpost-told"
  description = "What the functions told of, by its word."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for one in values(local.functions) : "\"${one.name}\""])}) AND jsonPayload.event:*"
  depends_on  = [google_project_service.needed]

  label_extractors = {
    event = "EXTRACT(jsonPayload.event)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key        = "event"
      value_type = "STRING"
    }
  }
}

resource "google_monitoring_alert_policy" "told" {
  for_each              = local.told
  display_name          = "Warmpost: ${each.value.says}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = join(" or ", each.value.words)

    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.told.name}\" AND metric.labels.event = one_of(${join(", ", [for word in each.value.words : "\"${word}\""])})"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "${each.value.lasting}s"

      aggregations {
        alignment_period     = "${each.value.window}s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = join(" ", compact([
      "Log: jsonPayload.event=(${join(" OR ", each.value.words)}).",
      each.value.section == "" ? "" : "infra/README.md, “${each.value.section}”.",
    ]))
  }
}

# IAM turns a caller away before the function hears of it: only the queue knows.
resource "google_monitoring_alert_policy" "refused_tasks" {
  display_name          = "Warmpost: IAM refuses tasks"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = "a queue's tasks are answered 401 or 403"

    condition_threshold {
      filter          = "resource.type = \"cloud_tasks_queue\" AND metric.type = \"cloudtasks.googleapis.com/queue/task_attempt_count\" AND metric.labels.response_code = monitoring.regex.full_match(\"(?i)401|403|unauthenticated|permission_denied\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "300s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.queue_id"]
      }
    }
  }

  documentation {
    content = "infra/README.md, “A queue is stuck”."
  }
}

# A paused queue tries nothing, so nothing of it is late and nothing fails: its audit log tells.
resource "google_monitoring_alert_policy" "paused" {
  display_name          = "Warmpost: a queue or the daily run was paused"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = "somebody paused or purged it"

    condition_matched_log {
      filter = "protoPayload.methodName=~\"(CloudTasks\\.(PauseQueue|PurgeQueue|DeleteQueue)|CloudScheduler\\.(PauseJob|DeleteJob))$\""
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    content = "infra/README.md, “A queue is stuck”."
  }
}
