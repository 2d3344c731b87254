# One host name in front of the public functions, where one is wanted. A function sees the path behind its name.

locals {
  front      = var.hostname == null ? {} : local.public_functions
  host_names = var.hostname == null ? [] : distinct(compact([var.hostname, var.tracking_hostname]))
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = local.front
  name                  = "warmpost-${each.value.name}"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  depends_on            = [google_project_service.needed]

  cloud_run {
    service = google_cloudfunctions2_function.function[each.key].name
  }
}

resource "google_compute_backend_service" "function" {
  for_each              = local.front
  name                  = "warmpost-${each.value.name}"
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 0.01
  }
}

resource "google_compute_url_map" "front" {
  count           = length(local.front) > 0 ? 1 : 0
  name            = "warmpost"
  default_service = google_compute_backend_service.function["track"].id

  host_rule {
    hosts        = local.host_names
    path_matcher = "functions"
  }

  path_matcher {
    name            = "functions"
    default_service = google_compute_backend_service.function["track"].id

    dynamic "path_rule" {
      for_each = local.front
      content {
        paths   = ["/${path_rule.value.name}", "/${path_rule.value.name}/*"]
        service = google_compute_backend_service.function[path_rule.key].id

        route_action {
          url_rewrite {
            path_prefix_rewrite = "/"
          }
        }
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "front" {
  count      = length(local.front) > 0 ? 1 : 0
  name       = "warmpost-${substr(sha256(join(",", local.host_names)), 0, 8)}"
  depends_on = [google_project_service.needed]

  managed {
    domains = local.host_names
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "front" {
  count           = length(local.front) > 0 ? 1 : 0
  name            = "warmpost"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [google_project_service.needed]
}

resource "google_compute_target_https_proxy" "front" {
  count            = length(local.front) > 0 ? 1 : 0
  name             = "warmpost"
  url_map          = google_compute_url_map.front[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.front[0].id]
  ssl_policy       = google_compute_ssl_policy.front[0].id
}

resource "google_compute_global_address" "front" {
  count      = length(local.front) > 0 ? 1 : 0
  name       = "warmpost"
  depends_on = [google_project_service.needed]
}

resource "google_compute_global_forwarding_rule" "front" {
  count                 = length(local.front) > 0 ? 1 : 0
  name                  = "warmpost"
  target                = google_compute_target_https_proxy.front[0].id
  ip_address            = google_compute_global_address.front[0].id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
