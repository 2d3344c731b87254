# Values are made while they are written and stand in Secret Manager alone, in no state and no plan. Terraform writes each
# once; with its version number it would write another.

locals {
  secrets = toset(flatten([for one in values(local.functions) : [for secret in values(one.secrets) : secret.secret]]))
  made    = setsubtract(local.secrets, ["warmpost-master-key", "warmpost-relay"])
  readers = merge(
    merge([
      for one in values(local.functions) : {
        for secret in values(one.secrets) : "${one.account}/${secret.secret}" => { account = one.account, secret = secret.secret }
      }
    ]...),
    merge([
      for one in values(local.functions) : {
        for secret in values(var.relay_secrets) : "${one.account}/${secret}" => { account = one.account, secret = secret }
      } if one.relays
    ]...),
  )
  pinned = {
    warmpost-master-key = coalesce(var.master_key_version, google_secret_manager_secret_version.master_key.version)
    warmpost-relay      = google_secret_manager_secret_version.relay.version
  }
}

resource "google_secret_manager_secret" "secret" {
  for_each            = local.secrets
  secret_id           = each.value
  labels              = local.labels
  deletion_protection = each.value == "warmpost-master-key"
  depends_on          = [google_project_service.needed]

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each   = local.readers
  secret_id  = each.value.secret
  role       = "roles/secretmanager.secretAccessor"
  member     = google_service_account.duty[each.value.account].member
  depends_on = [google_secret_manager_secret.secret, time_sleep.accounts_are_known]
}

ephemeral "random_bytes" "master_key" {
  length = 32
}

ephemeral "random_password" "made" {
  for_each = local.made
  length   = 40
  special  = false
}

resource "google_secret_manager_secret_version" "master_key" {
  secret                 = google_secret_manager_secret.secret["warmpost-master-key"].id
  secret_data_wo         = ephemeral.random_bytes.master_key.base64
  secret_data_wo_version = 1

  lifecycle {
    prevent_destroy = true # every private DKIM key is encrypted under it
  }
}

resource "google_secret_manager_secret_version" "made" {
  for_each               = local.made
  secret                 = google_secret_manager_secret.secret[each.value].id
  secret_data_wo         = "wp_${ephemeral.random_password.made[each.value].result}"
  secret_data_wo_version = 1

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_version" "relay" {
  secret                 = google_secret_manager_secret.secret["warmpost-relay"].id
  secret_data_wo         = var.relay_url
  secret_data_wo_version = var.relay_version

  lifecycle {
    create_before_destroy = true
  }
}
