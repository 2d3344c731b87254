# One account per duty. doors: what anybody may call. worker: what renders, signs and hands over. invoker: the only one
# that may call the worker's functions. build: makes the image.

resource "google_service_account" "duty" {
  for_each     = local.accounts
  account_id   = "warmpost-${each.value}"
  display_name = "Warmpost: ${each.value}"
  depends_on   = [google_project_service.needed]
}

resource "google_service_account" "invoker" {
  account_id   = "warmpost-invoker"
  display_name = "Warmpost: queues and scheduler"
  depends_on   = [google_project_service.needed]
}

resource "google_service_account" "build" {
  account_id   = "warmpost-build"
  display_name = "Warmpost: builds of the functions"
  depends_on   = [google_project_service.needed]
}

# Accounts and roles are known everywhere only a while after they were made; until then a first apply is refused at random
# ("service account does not exist", "permission denied" in a build).
resource "time_sleep" "accounts_are_known" {
  create_duration = "30s"
  triggers = {
    accounts = join(",", concat(values(google_service_account.duty)[*].email, [google_service_account.invoker.email, google_service_account.build.email]))
  }
}

resource "time_sleep" "roles_take_hold" {
  create_duration = "90s"
  triggers = {
    roles = join(",", sort(concat(values(google_project_iam_member.build)[*].role, keys(local.readers))))
  }
  depends_on = [
    google_project_iam_member.build,
    google_project_iam_member.documents,
    google_secret_manager_secret_iam_member.reader,
    google_service_account_iam_member.acts_as_invoker,
  ]
}

resource "google_project_iam_member" "documents" {
  for_each   = local.accounts
  project    = var.project
  role       = "roles/datastore.user"
  member     = google_service_account.duty[each.value].member
  depends_on = [time_sleep.accounts_are_known]
}

resource "google_project_iam_member" "build" {
  for_each   = toset(["roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"])
  project    = var.project
  role       = each.value
  member     = google_service_account.build.member
  depends_on = [time_sleep.accounts_are_known]
}

# Whoever queues a task says that it runs as the invoker, and has to be allowed to.
resource "google_service_account_iam_member" "acts_as_invoker" {
  for_each           = local.accounts
  service_account_id = google_service_account.invoker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.duty[each.value].member
  depends_on         = [time_sleep.accounts_are_known]
}

resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = {
    for pair in setproduct(keys(local.cloud.queues), local.accounts) : "${pair[0]}/${pair[1]}" => { queue = pair[0], account = pair[1] }
  }
  name       = google_cloud_tasks_queue.queue[each.value.queue].name
  location   = var.region
  role       = "roles/cloudtasks.enqueuer"
  member     = google_service_account.duty[each.value.account].member
  depends_on = [time_sleep.accounts_are_known]
}

# GET /manage/health looks at the queues.
resource "google_cloud_tasks_queue_iam_member" "viewer" {
  for_each   = local.cloud.queues
  name       = google_cloud_tasks_queue.queue[each.key].name
  location   = var.region
  role       = "roles/cloudtasks.viewer"
  member     = google_service_account.duty["doors"].member
  depends_on = [time_sleep.accounts_are_known]
}

# Public functions, by one of two ways. With a tag, the organisation's policy on members has to know it before the role.
data "google_project" "tagged" {
  count      = var.public_tag == null ? 0 : 1
  project_id = var.project
}

resource "google_tags_location_tag_binding" "public" {
  for_each  = var.public_tag == null ? {} : local.public_functions
  parent    = "//run.googleapis.com/projects/${data.google_project.tagged[0].number}/locations/${var.region}/services/${google_cloudfunctions2_function.function[each.key].name}"
  location  = var.region
  tag_value = var.public_tag
}

resource "time_sleep" "tags_take_hold" {
  count           = var.public_tag == null ? 0 : 1
  create_duration = "60s"
  triggers        = { tags = join(",", keys(google_tags_location_tag_binding.public)) }
}

resource "google_cloud_run_v2_service_iam_member" "anybody" {
  for_each   = var.public_access == "all-users" ? local.public_functions : {}
  name       = google_cloudfunctions2_function.function[each.key].name
  location   = var.region
  role       = "roles/run.invoker"
  member     = "allUsers"
  depends_on = [time_sleep.tags_take_hold]
}

# The provider offers the switch for Cloud Run services, not for functions; a new deployment of one may put the check back.
resource "terraform_data" "invoker_check_off" {
  for_each         = var.public_access == "invoker-check-off" ? local.public_functions : {}
  triggers_replace = google_cloudfunctions2_function.function[each.key].update_time

  provisioner "local-exec" {
    command = "gcloud run services update ${each.value.name} --no-invoker-iam-check --quiet --region=${var.region} --project=${var.project}"
  }
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = { for key, one in local.functions : key => one if !one.public }
  name     = google_cloudfunctions2_function.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.invoker.member
}
