mock_provider "google" {}
mock_provider "google" {
  alias = "billing"
}
mock_provider "archive" {}
mock_provider "time" {}
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
    condition     = toset(keys(google_cloud_tasks_queue.queue)) == toset(["send", "deliver", "control", "notify"]) && google_cloud_tasks_queue.queue["notify"].rate_limits[0].max_concurrent_dispatches == 32 && google_cloud_tasks_queue.queue["notify"].retry_config[0].max_attempts == -1
    error_message = "The queues are those of the manifest, merge keys included."
  }
  assert {
    condition     = google_cloud_scheduler_job.job["daily"].schedule == "5 0 * * *" && google_cloud_scheduler_job.job["daily"].time_zone == "Europe/Berlin"
    error_message = "The day is closed at 00:05 in the deployment's time zone."
  }
  assert {
    condition     = sum([for one in google_cloudfunctions2_function.function : one.service_config[0].max_instance_count * tonumber(one.service_config[0].available_cpu)]) <= 20
    error_message = "All maximum instances together fit into the 20 vCPUs of a new project."
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
    condition     = length(google_service_account_iam_member.acts_as_invoker) == 2 && length(google_cloud_tasks_queue_iam_member.enqueuer) == 8
    error_message = "Both accounts queue tasks, on each queue, as the invoker."
  }
  assert {
    condition     = time_sleep.accounts_are_known.create_duration == "30s" && time_sleep.roles_take_hold.create_duration == "90s"
    error_message = "What was made seconds before is not everywhere yet."
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

run "submission_gateways_are_passed_over" {
  command = plan

  variables {
    submission_addresses = ["203.0.113.25", "2001:db8::25"]
  }

  assert {
    condition     = google_cloudfunctions2_function.function["send"].service_config[0].environment_variables.WARMPOST_PROXIES == "203.0.113.25,2001:db8::25"
    error_message = "Wrong keys count for whom the gateway names."
  }
}

run "submission_addresses_are_addresses" {
  command = plan

  variables {
    submission_addresses = ["smtp.example.com"]
  }

  expect_failures = [var.submission_addresses]
}

run "passwords_of_further_relays_reach_whoever_talks_to_relays" {
  command = plan

  variables {
    relay_secrets = { WARMPOST_RELAY_EU = "relay-eu" }
  }

  assert {
    condition     = alltrue([for key, one in google_cloudfunctions2_function.function : contains(one.service_config[0].secret_environment_variables[*].key, "WARMPOST_RELAY_EU") == contains(["work", "manage", "console"], key)])
    error_message = "Who sends and who looks after health, console included, has them, nobody else."
  }
  assert {
    condition     = alltrue([for account in ["worker", "doors"] : google_secret_manager_secret_iam_member.reader["${account}/relay-eu"].secret_id == "relay-eu"])
    error_message = "The account of whoever has a secret may read it."
  }
}

run "pins_the_master_key_and_cleans_images_up" {
  command = plan

  override_resource {
    target          = google_secret_manager_secret_version.master_key
    values          = { version = "7" }
    override_during = plan
  }
  override_resource {
    target          = google_artifact_registry_repository.images
    values          = { id = "projects/demo-project/locations/europe-west1/repositories/warmpost" }
    override_during = plan
  }

  assert {
    condition     = alltrue(flatten([for one in google_cloudfunctions2_function.function : [for secret in one.service_config[0].secret_environment_variables : secret.version == "7" if secret.key == "WARMPOST_MASTER_KEY"]]))
    error_message = "The master key is the version that was written."
  }
  assert {
    condition     = google_artifact_registry_repository.images.cleanup_policy_dry_run == false && toset([for one in google_artifact_registry_repository.images.cleanup_policies : one.action]) == toset(["KEEP", "DELETE"])
    error_message = "Old images go, the latest stay."
  }
  assert {
    condition     = alltrue([for one in google_cloudfunctions2_function.function : one.build_config[0].docker_repository == "projects/demo-project/locations/europe-west1/repositories/warmpost"])
    error_message = "Every function's images are there."
  }
}

run "does_as_a_larger_organisation_says" {
  command = plan

  variables {
    master_key_version = "2"
    vcpu_quota         = 100
    max_instances      = { track = 20, work = 24 }
    public_tag         = "tagValues/123456789012"
  }

  assert {
    condition     = alltrue(flatten([for one in google_cloudfunctions2_function.function : [for secret in one.service_config[0].secret_environment_variables : secret.version == "2" if secret.key == "WARMPOST_MASTER_KEY"]]))
    error_message = "The version is the one asked for."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["track"].service_config[0].max_instance_count == 20 && google_cloudfunctions2_function.function["send"].service_config[0].max_instance_count == local.cloud.functions.send.maxInstances
    error_message = "Those that are named have other bounds."
  }
  assert {
    condition     = toset(keys(google_tags_location_tag_binding.public)) == toset(keys(local.public_functions)) && length(google_cloud_run_v2_service_iam_member.anybody) == length(local.public_functions)
    error_message = "Each public function has the tag, then the role."
  }
}

run "refuses_more_instances_than_the_quota" {
  command = plan

  variables {
    max_instances = { track = 20 }
  }

  expect_failures = [var.vcpu_quota]
}

run "refuses_a_worker_that_cannot_take_what_the_queues_hand_out" {
  command = plan

  variables {
    max_instances = { work = 1 }
  }

  expect_failures = [var.max_instances]
}

run "refuses_bounds_of_no_function" {
  command = plan

  variables {
    max_instances = { sned = 2 }
  }

  expect_failures = [var.max_instances]
}

run "needs_no_all_users_where_they_are_forbidden" {
  command = plan

  variables {
    public_access = "invoker-check-off"
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.anybody) == 0 && toset(keys(terraform_data.invoker_check_off)) == toset(keys(local.public_functions))
    error_message = "The check is off for the public functions, and for no other."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_member.invoker)) == toset(["work", "daily"])
    error_message = "The others keep it."
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

    master_key_version = "latest"
    public_access      = "everybody"
    public_tag         = "public"
  }

  expect_failures = [var.project, var.time_zone, var.alert_email, var.settings, var.master_key_version, var.public_access, var.public_tag]
}
