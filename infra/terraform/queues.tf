resource "google_cloud_tasks_queue" "queue" {
  for_each   = local.cloud.queues
  name       = each.key
  location   = var.region
  depends_on = [google_project_service.needed]

  rate_limits {
    max_dispatches_per_second = each.value.dispatchesPerSecond
    max_concurrent_dispatches = each.value.concurrentDispatches
  }

  retry_config {
    max_attempts  = each.value.attempts
    min_backoff   = each.value.minBackoff
    max_backoff   = each.value.maxBackoff
    max_doublings = each.value.doublings
  }

  stackdriver_logging_config {
    sampling_ratio = 0.01
  }
}

resource "google_cloud_scheduler_job" "job" {
  for_each         = local.cloud.schedules
  name             = "warmpost-${each.key}"
  region           = var.region
  description      = "Calls ${local.functions[each.value.function].name}"
  schedule         = each.value.cron
  time_zone        = var.time_zone
  attempt_deadline = each.value.attemptDeadline
  depends_on       = [google_project_service.needed]

  retry_config {
    retry_count = each.value.attempts - 1
  }

  http_target {
    http_method = "POST"
    uri         = local.function_urls[each.value.function]

    oidc_token {
      service_account_email = google_service_account.invoker.email
      audience              = local.function_urls[each.value.function]
    }
  }
}

locals {
  function_urls = { for key, one in google_cloudfunctions2_function.function : key => "${local.base_url}/${one.name}" }
}
