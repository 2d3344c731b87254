variable "project" {
  description = "Id of the Google Cloud project that Warmpost is deployed into."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "Region of functions, queues and, unless firestore_location says otherwise, the database."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is written like europe-west1."
  }
}

variable "relay_url" {
  description = "Where mail leaves: smtp://user:password@host:587 or smtps://user:password@host:465. Kept in Secret Manager only, in no state; asked for each time, stored when relay_version is new."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^smtps?://[^/\\s]+$", split("?", var.relay_url)[0]))
    error_message = "The relay is written like smtp://user:password@host:587."
  }
}

variable "relay_version" {
  description = "Raise it by one to have relay_url stored anew."
  type        = number
  default     = 1
}

variable "time_zone" {
  description = "IANA name of the time zone whose calendar days warm-up and statistics count by. Changing it later moves the day's limits."
  type        = string

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)+)$", var.time_zone))
    error_message = "A time zone is written like Europe/Berlin, or UTC."
  }
}

variable "alert_email" {
  description = "Who is told when a queue is stuck, tasks fail or the daily run did not happen."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "This is not an e-mail address."
  }
}

variable "settings" {
  description = "Settings of serverless.yml that are yours to choose, such as { WARMPOST_SPF_INCLUDE = \"spf.relay.example\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.chosen_by_deployer)) == 0
    error_message = "Only these can be set here: ${join(", ", local.chosen_by_deployer)}."
  }
}

variable "relay_secrets" {
  description = "Passwords of relays of your own pools: the name a relay's password_secret says => the Secret Manager secret that holds it, such as { WARMPOST_RELAY_EU = \"relay-eu\" }. The secret must have a version. Read by whoever talks to relays: work, and manage for its health check."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.relay_secrets) : can(regex("^WARMPOST_RELAY_[A-Z0-9_]+$", name))])
    error_message = "These names begin with WARMPOST_RELAY_."
  }
}

variable "master_key_version" {
  description = "Version of the secret warmpost-master-key that functions read; null for the one that Terraform wrote. Functions never take a newer one by themselves: what is stored opens under the old one."
  type        = string
  default     = null

  validation {
    condition     = var.master_key_version == null || can(regex("^[1-9][0-9]*$", var.master_key_version))
    error_message = "A version is a number; `latest` would change the key under what is stored."
  }
}

variable "public_access" {
  description = "How anybody may call the public functions: `all-users` by a role for allUsers, or `invoker-check-off` where the organisation forbids that (iam.allowedPolicyMemberDomains): Terraform then has gcloud turn Cloud Run's check of callers off for these functions. The functions check keys, signatures and links themselves."
  type        = string
  default     = "all-users"

  validation {
    condition     = contains(["all-users", "invoker-check-off"], var.public_access)
    error_message = "Either all-users or invoker-check-off."
  }
}

variable "public_tag" {
  description = "Tag value, as tagValues/<number>, by which the organisation's policy lets services have allUsers; it is bound to the public functions first. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.public_tag == null || can(regex("^tagValues/[0-9]+$", var.public_tag))
    error_message = "A tag value is written like tagValues/123456789012."
  }
}

variable "vcpu_quota" {
  description = "vCPUs that the project may use in the region with Cloud Run; 20 in a new one. The functions' maximum instances times their vCPUs stay within."
  type        = number
  default     = 20

  validation {
    condition     = local.vcpus <= var.vcpu_quota
    error_message = "Maximum instances times vCPUs are ${local.vcpus} in all: have the quota raised and say so in vcpu_quota, or lower max_instances."
  }
}

variable "max_instances" {
  description = "Other maximum instances than those of serverless.yml, such as { send = 10, track = 20, work = 24 }."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.max_instances), keys(local.manifest.functions))) == 0
    error_message = "These are the functions: ${join(", ", keys(local.manifest.functions))}."
  }
  validation {
    condition     = alltrue([for most in values(var.max_instances) : most >= 1 && floor(most) == most])
    error_message = "A function has a whole number of instances, 1 at least."
  }
  validation {
    condition     = try(var.max_instances.work, local.cloud.functions.work.maxInstances) * local.cloud.functions.work.concurrency >= local.dispatches
    error_message = "The queues hand out ${local.dispatches} tasks at once, ${local.cloud.functions.work.concurrency} to each instance of work: it needs ${ceil(local.dispatches / local.cloud.functions.work.concurrency)} instances."
  }
}

variable "firestore_location" {
  description = "Location of the database, such as eur3 for several regions; null for the region."
  type        = string
  default     = null
}

variable "hostname" {
  description = "One host name for all public functions and readers' links, behind a load balancer; null for none. It costs about 18 US dollars a month."
  type        = string
  default     = null

  validation {
    condition     = var.hostname == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.hostname))
    error_message = "A host name is written like mail.example.com."
  }
}

variable "tracking_hostname" {
  description = "Another host name for readers' links alone (opens, clicks, unsubscribing), on the same load balancer; null for the same one."
  type        = string
  default     = null

  validation {
    condition     = var.tracking_hostname == null || var.hostname != null
    error_message = "A tracking host name needs the load balancer: set hostname as well."
  }
}

variable "submission_addresses" {
  description = "Addresses from which your SMTP submission gateways reach the functions. What they say of their clients is believed, so that wrong keys count for who guesses, not for the gateway and everybody behind it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.submission_addresses : can(cidrhost(strcontains(one, "/") ? one : "${one}/${strcontains(one, ":") ? 128 : 32}", 0))])
    error_message = "Addresses or networks are written like 203.0.113.25 or 2001:db8::/64."
  }
}

variable "monthly_budget" {
  description = "Amount, in the billing account's currency, at half, nine tenths and all of which the alert address is told; null for no budget."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget == null || var.billing_account != null
    error_message = "A budget needs billing_account."
  }
}

variable "billing_account" {
  description = "Id of the billing account, for the budget alone."
  type        = string
  default     = null
}

variable "labels" {
  description = "More labels on everything that can have some, such as { team = \"crm\" }."
  type        = map(string)
  default     = {}
}

variable "console" {
  description = "Whether the web console is deployed; without it everything is done by the API."
  type        = bool
  default     = true
}
