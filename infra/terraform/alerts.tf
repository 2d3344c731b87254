resource "google_monitoring_notification_channel" "email" {
  display_name = "Warmpost alerts"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.needed]
}

# Not the depth of a queue: what waits for tomorrow's volume or for a retry is no fault. What counts is how long after
# its time a task is tried.
resource "google_monitoring_alert_policy" "stuck_queue" {
  display_name          = "Warmpost: a queue is stuck"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = "tasks are tried more than 15 minutes after their time"

    condition_threshold {
      filter          = "resource.type = \"cloud_tasks_queue\" AND metric.type = \"cloudtasks.googleapis.com/queue/task_attempt_delays\""
      comparison      = "COMPARISON_GT"
      threshold_value = 900000 # milliseconds
      duration        = "600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_PERCENTILE_95"
        cross_series_reducer = "REDUCE_MAX"
        group_by_fields      = ["resource.label.queue_id"]
      }
    }
  }

  documentation {
    content = "infra/README.md, “A queue is stuck”."
  }
}

resource "google_monitoring_alert_policy" "failing_tasks" {
  display_name          = "Warmpost: tasks fail"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = "more than one answer in ten of a private function is 5xx"

    condition_threshold {
      filter             = "${local.private_requests} AND metric.labels.response_code_class = \"5xx\""
      denominator_filter = local.private_requests
      comparison         = "COMPARISON_GT"
      threshold_value    = 0.1
      duration           = "900s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = "infra/README.md, “A relay is blocked” and “A queue is stuck”."
  }
}

locals {
  private_names    = [for one in values(local.functions) : one.name if !one.public]
  private_requests = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\" AND resource.labels.service_name = one_of(${join(", ", [for name in local.private_names : "\"${name}\""])})"
}

resource "google_logging_metric" "missed_run" {
  name        = "warmpost-missed-runs"
  description = "Runs of the scheduler that were not answered with 2xx."
  filter      = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^warmpost-\" AND severity>=ERROR"
  depends_on  = [google_project_service.needed]

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "missed_run" {
  display_name          = "Warmpost: the daily run failed"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.email.name]
  user_labels           = local.labels

  conditions {
    display_name = "every attempt of a run failed"

    condition_threshold {
      filter          = "resource.type = \"cloud_scheduler_job\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.missed_run.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 3
      duration        = "0s"

      aggregations {
        alignment_period   = "3600s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    content = "infra/README.md, “The daily run failed”."
  }
}

data "google_project" "project" {
  count      = var.monthly_budget == null ? 0 : 1
  project_id = var.project
}

resource "google_billing_budget" "month" {
  count           = var.monthly_budget == null ? 0 : 1
  provider        = google.billing
  billing_account = var.billing_account
  display_name    = "Warmpost in ${var.project}"

  budget_filter {
    projects = ["projects/${data.google_project.project[0].number}"]
  }

  amount {
    specified_amount {
      units = tostring(floor(var.monthly_budget))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.email.id]
  }

  depends_on = [google_project_service.needed]
}
