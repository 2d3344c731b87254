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

resource "google_project_iam_member" "documents" {
  for_each = local.accounts
  project  = var.project
  role     = "roles/datastore.user"
  member   = google_service_account.duty[each.value].member
}

resource "google_project_iam_member" "build" {
  for_each = toset(["roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"])
  project  = var.project
  role     = each.value
  member   = google_service_account.build.member
}

# Whoever queues a task says that it runs as the invoker, and has to be allowed to.
resource "google_service_account_iam_member" "acts_as_invoker" {
  for_each           = local.accounts
  service_account_id = google_service_account.invoker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.duty[each.value].member
}

resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = {
    for pair in setproduct(keys(local.cloud.queues), local.accounts) : "${pair[0]}/${pair[1]}" => { queue = pair[0], account = pair[1] }
  }
  name     = google_cloud_tasks_queue.queue[each.value.queue].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.duty[each.value.account].member
}

# GET /manage/health looks at the queues.
resource "google_cloud_tasks_queue_iam_member" "viewer" {
  for_each = local.cloud.queues
  name     = google_cloud_tasks_queue.queue[each.key].name
  location = var.region
  role     = "roles/cloudtasks.viewer"
  member   = google_service_account.duty["doors"].member
}

resource "google_cloud_run_v2_service_iam_member" "anybody" {
  for_each = local.public_functions
  name     = google_cloudfunctions2_function.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = { for key, one in local.functions : key => one if !one.public }
  name     = google_cloudfunctions2_function.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.invoker.member
}
