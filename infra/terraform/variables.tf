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
  description = "Passwords of relays of your own pools: the name a relay's password_secret says => the Secret Manager secret that holds it, such as { WARMPOST_RELAY_EU = \"relay-eu\" }. The secret must have a version."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.relay_secrets) : can(regex("^WARMPOST_RELAY_[A-Z0-9_]+$", name))])
    error_message = "These names begin with WARMPOST_RELAY_."
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
