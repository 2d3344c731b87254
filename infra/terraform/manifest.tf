# What serverless.yml declares, in the words of the resources.

locals {
  root     = "${path.module}/../.."
  manifest = yamldecode(file("${local.root}/serverless.yml"))
  cloud    = local.manifest.custom.gcp
  defaults = local.manifest.provider
  labels   = merge(local.defaults.labels, { stage = local.defaults.stage }, var.labels)

  chosen_by_deployer = [for name, one in local.cloud.settings : name if one.set == "deployer"]

  functions = {
    for key, one in local.manifest.functions : key => {
      name        = one.name
      entry_point = one.handler
      memory      = "${try(one.memorySize, local.defaults.memorySize)}Mi"
      timeout     = tonumber(trimsuffix(try(one.timeout, local.defaults.timeout), "s"))
      secrets     = { for variable, secret in one.secrets : variable => secret }
      labels      = merge(local.labels, one.labels)
      account     = local.cloud.functions[key].account
      public      = local.cloud.functions[key].callers == "public"
      ingress = {
        all                        = "ALLOW_ALL"
        internal                   = "ALLOW_INTERNAL_ONLY"
        internal-and-load-balancer = "ALLOW_INTERNAL_AND_GCLB"
      }[local.cloud.functions[key].ingress]
      cpu         = tostring(local.cloud.functions[key].cpu)
      concurrency = local.cloud.functions[key].concurrency
      min         = local.cloud.functions[key].minInstances
      max         = try(var.max_instances[key], local.cloud.functions[key].maxInstances)
      relays      = local.cloud.functions[key].relays
    } if var.console || key != "console"
  }
  vcpus            = sum([for one in values(local.functions) : one.max * tonumber(one.cpu)])
  dispatches       = sum([for one in values(local.cloud.queues) : one.concurrentDispatches])
  public_functions = { for key, one in local.functions : key => one if one.public }
  accounts         = toset([for one in values(local.functions) : one.account])

  # Every function of a region has its name behind the same host; tasks and the scheduler go there, never to `hostname`.
  base_url   = "https://${var.region}-${var.project}.cloudfunctions.net"
  track_host = var.tracking_hostname != null ? var.tracking_hostname : var.hostname

  # Of X-Forwarded-For Google's front end writes the last value, the client; a load balancer its own address behind it,
  # and a submission gateway its client before itself.
  passed_over = concat([for one in google_compute_global_address.front : one.address], var.submission_addresses)
  environment = merge(
    {
      GOOGLE_CLOUD_PROJECT   = var.project
      WARMPOST_LOCATION      = var.region
      WARMPOST_BASE_URL      = local.base_url
      WARMPOST_PROXIES       = length(local.passed_over) > 0 ? join(",", local.passed_over) : "1"
      WARMPOST_TRACK_URL     = local.track_host != null ? "https://${local.track_host}/track" : "${local.base_url}/track"
      WARMPOST_INVOKER_EMAIL = google_service_account.invoker.email
      WARMPOST_TIME_ZONE     = var.time_zone
      WARMPOST_INSTANCES = join(",", [
        for key, one in local.functions : "${key}=${one.cpu}x${trimsuffix(one.memory, "Mi")}"
      ])
    },
    var.settings,
  )
}
