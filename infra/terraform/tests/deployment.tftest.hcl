mock_provider "google" {}
mock_provider "google" {
  alias = "billing"
}
mock_provider "archive" {}
# `random` is not mocked: it needs no cloud, and Terraform 1.11 cannot mock what is in no state.

variables {
  project     = "demo-project"
  region      = "europe-west1"
  relay_url   = "smtp://user:password@relay.example.net:587"
  time_zone   = "Europe/Berlin"
  alert_email = "ops@example.com"
}

run "deploys_what_the_manifest_declares" {
  command = plan

  assert {
    condition     = toset(keys(google_cloudfunctions2_function.function)) == toset(keys(local.manifest.functions))
    error_message = "Every function of serverless.yml is deployed, and no other."
  }
  assert {
    condition     = alltrue([for key, one in google_cloudfunctions2_function.function : one.build_config[0].entry_point == local.manifest.functions[key].handler && one.build_config[0].runtime == "python312" && one.build_config[0].environment_variables.GOOGLE_FUNCTION_SOURCE == "functions/main.py"])
    error_message = "Each function is built from functions/main.py under its handler's name."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["work"].service_config[0].timeout_seconds == 600 && google_cloudfunctions2_function.function["work"].service_config[0].available_memory == "1024Mi"
    error_message = "Time-out and memory come from the manifest."
  }
  assert {
    condition     = toset(keys(google_cloud_tasks_queue.queue)) == toset(["deliver", "control", "notify"]) && google_cloud_tasks_queue.queue["notify"].rate_limits[0].max_concurrent_dispatches == 32 && google_cloud_tasks_queue.queue["notify"].retry_config[0].max_attempts == -1
    error_message = "The queues are those of the manifest, merge keys included."
  }
  assert {
    condition     = google_cloud_scheduler_job.job["daily"].schedule == "5 0 * * *" && google_cloud_scheduler_job.job["daily"].time_zone == "Europe/Berlin"
    error_message = "The day is closed at 00:05 in the deployment's time zone."
  }
}

run "lets_each_account_do_its_duty_and_no_more" {
  command = plan

  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_member.invoker)) == toset(["work", "daily"]) && length(setintersection(keys(google_cloud_run_v2_service_iam_member.anybody), ["work", "daily"])) == 0
    error_message = "Only the invoker calls what stands behind the queue and the scheduler."
  }
  assert {
    condition     = alltrue([for key, one in google_cloudfunctions2_function.function : one.service_config[0].environment_variables.WARMPOST_OIDC_SIGNATURE == (contains(["work", "daily"], key) ? "platform" : "check")])
    error_message = "Signatures are left to the platform only where IAM checks them."
  }
  assert {
    condition     = toset(values(google_project_iam_member.documents)[*].role) == toset(["roles/datastore.user"])
    error_message = "On the project, functions may use the database and nothing else."
  }
  assert {
    condition     = !contains(keys(google_secret_manager_secret_iam_member.reader), "worker/warmpost-api-key")
    error_message = "Workers check no API keys and read none."
  }
  assert {
    condition     = length(google_service_account_iam_member.acts_as_invoker) == 2 && length(google_cloud_tasks_queue_iam_member.enqueuer) == 6
    error_message = "Both accounts queue tasks, on each queue, as the invoker."
  }
}

run "calls_private_functions_with_the_audience_that_iam_takes" {
  command = plan

  assert {
    condition     = google_cloud_scheduler_job.job["daily"].http_target[0].oidc_token[0].audience == "https://europe-west1-demo-project.cloudfunctions.net/daily"
    error_message = "The audience is the function's own URL."
  }
  assert {
    condition     = output.url == "https://europe-west1-demo-project.cloudfunctions.net" && output.api_key_secret == "warmpost-api-key" && output.load_balancer_address == null
    error_message = "The outputs say where everything is."
  }
}

run "indexes_are_those_of_the_file" {
  command = plan

  assert {
    condition     = length(google_firestore_index.composite) == length(local.documents.composite)
    error_message = "Every composite index is made."
  }
  assert {
    condition     = length(google_firestore_field.field["chunks/recipients"].index_config[0].indexes) == 0 && length(google_firestore_field.field["events/expires_at"].ttl_config) == 1 && length(google_firestore_field.field["chunks/recipients"].ttl_config) == 0
    error_message = "Large values are not indexed; what expires is deleted."
  }
  assert {
    condition     = alltrue([for collection, field in local.documents.ttl : contains(keys(google_firestore_field.field), "${collection}/${field}")])
    error_message = "Every field that documents expire by is declared among the unindexed."
  }
}

run "one_host_name_for_all_doors" {
  command = plan

  variables {
    hostname          = "mail.example.com"
    tracking_hostname = "click.example.com"
  }

  assert {
    condition     = google_compute_managed_ssl_certificate.front[0].managed[0].domains == tolist(["mail.example.com", "click.example.com"])
    error_message = "The certificate holds both names."
  }
  assert {
    condition     = !contains(keys(google_compute_backend_service.function), "work") && length(google_compute_url_map.front[0].path_matcher[0].path_rule) == length(local.public_functions)
    error_message = "Only public functions stand behind it."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["work"].service_config[0].environment_variables.WARMPOST_TRACK_URL == "https://click.example.com/track"
    error_message = "Readers' links lead to the tracking host."
  }
  assert {
    condition     = output.url == "https://mail.example.com"
    error_message = "The URL is the host's."
  }
}

run "passwords_of_further_relays_reach_the_worker_alone" {
  command = plan

  variables {
    relay_secrets = { WARMPOST_RELAY_EU = "relay-eu" }
  }

  assert {
    condition     = contains([for one in google_cloudfunctions2_function.function["work"].service_config[0].secret_environment_variables : one.key], "WARMPOST_RELAY_EU") && !contains([for one in google_cloudfunctions2_function.function["send"].service_config[0].secret_environment_variables : one.key], "WARMPOST_RELAY_EU")
    error_message = "Doors get no passwords of relays' pools."
  }
}

run "tells_of_what_the_log_says" {
  command = plan

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.told)) == toset(keys(local.told)) && strcontains(google_monitoring_alert_policy.told["blocked"].conditions[0].condition_threshold[0].filter, "one_of(\"day_blocked\")")
    error_message = "Each goes by its words."
  }
  assert {
    condition     = strcontains(google_logging_metric.told.filter, "\"batch-submit\" OR ") && google_logging_metric.told.label_extractors.event == "EXTRACT(jsonPayload.event)"
    error_message = "What every function tells is counted by its word."
  }
}

run "tells_of_a_budget" {
  command = plan

  variables {
    monthly_budget  = 50
    billing_account = "000000-000000-000000"
  }

  assert {
    condition     = google_billing_budget.month[0].amount[0].specified_amount[0].units == "50"
    error_message = "The budget is the one asked for."
  }
}

run "refuses_what_cannot_be_right" {
  command = plan

  variables {
    project     = "Demo"
    time_zone   = "Berlin"
    alert_email = "ops"
    settings    = { WARMPOST_MASTER_KEY = "x" }
  }

  expect_failures = [var.project, var.time_zone, var.alert_email, var.settings]
}
