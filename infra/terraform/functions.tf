locals {
  # As package.patterns in serverless.yml and .gcloudignore.
  package = toset(concat(["requirements.txt"], [for name in fileset(local.root, "functions/**") : name if !strcontains(name, "__pycache__/") && !endswith(name, ".md")]))
}

data "archive_file" "source" {
  type        = "zip"
  output_path = "${path.module}/build/warmpost.zip"

  dynamic "source" {
    for_each = local.package
    content {
      filename = source.value
      content  = file("${local.root}/${source.value}")
    }
  }
}

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:It holds nothing but the code, and only builds read it.
  #checkov:skip=CKV_GCP_63:It logs no access at all, so none to itself.
  name                        = "${var.project}-warmpost-source"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  depends_on                  = [google_project_service.needed]

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      num_newer_versions = 5
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_storage_bucket_object" "source" {
  name   = "warmpost-${data.archive_file.source.output_sha256}.zip"
  bucket = google_storage_bucket.source.name
  source = data.archive_file.source.output_path
}

# Builds leave an image a function and deployment behind. What runs was deployed last or lately.
resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Google's own keys are enough for images of open code, which hold no secret.
  repository_id          = "warmpost"
  location               = var.region
  format                 = "DOCKER"
  description            = "Images of Warmpost's functions"
  labels                 = local.labels
  cleanup_policy_dry_run = false
  depends_on             = [google_project_service.needed]

  cleanup_policies {
    id     = "keep-the-latest-of-each"
    action = "KEEP"
    most_recent_versions {
      keep_count = 3
    }
  }
  cleanup_policies {
    id     = "delete-after-30-days"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
}

resource "google_cloudfunctions2_function" "function" {
  #checkov:skip=CKV_GCP_124:The doors are public and check keys, signatures or links; work and daily are behind IAM, and the queue comes from outside.
  for_each    = local.functions
  name        = each.value.name
  location    = var.region
  description = "Warmpost: ${each.value.entry_point}"
  labels      = each.value.labels

  build_config {
    runtime               = local.defaults.runtime
    entry_point           = each.value.entry_point
    environment_variables = local.cloud.buildEnvironment
    service_account       = google_service_account.build.id
    docker_repository     = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    timeout_seconds                  = each.value.timeout
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = each.value.min
    max_instance_count               = each.value.max
    ingress_settings                 = each.value.ingress
    all_traffic_on_latest_revision   = true
    service_account_email            = google_service_account.duty[each.value.account].email

    # IAM verifies the tokens of private functions and strips their signatures; public ones verify them themselves.
    environment_variables = merge(local.environment, { WARMPOST_OIDC_SIGNATURE = each.value.public ? "check" : "platform" })

    # The relay's by number: with a new one, functions are deployed anew. The master key's too: no other may slip in.
    dynamic "secret_environment_variables" {
      for_each = each.value.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value.secret
        version    = lookup(local.pinned, secret_environment_variables.value.secret, secret_environment_variables.value.version)
      }
    }

    dynamic "secret_environment_variables" {
      for_each = each.value.relays ? var.relay_secrets : {}
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  depends_on = [
    google_secret_manager_secret_version.made,
    time_sleep.roles_take_hold,
  ]
}
