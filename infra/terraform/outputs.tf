output "url" {
  description = "In front of every public function: `<url>/send`, `<url>/manage/domains` …"
  value       = var.hostname == null ? local.base_url : "https://${var.hostname}"
}

output "urls" {
  description = "Each function's own URL."
  value       = local.function_urls
}

output "api_key_secret" {
  description = "The secret that holds the first API key: `gcloud secrets versions access latest --secret=<this>`."
  value       = google_secret_manager_secret.secret["warmpost-api-key"].secret_id
}

output "load_balancer_address" {
  description = "What A records of the host names have to say; null without a load balancer."
  value       = one(google_compute_global_address.front[*].address)
}

output "invoker" {
  description = "The service account that queues and scheduler call as."
  value       = google_service_account.invoker.email
}
