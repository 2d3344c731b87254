terraform {
  required_version = ">= 1.11"

  required_providers {
    # Exactly those that tests/deploy checked. Keep the .terraform.lock.hcl that `init` writes beside them.
    google  = { source = "hashicorp/google", version = "8.7.0" }
    archive = { source = "hashicorp/archive", version = "2.8.1" }
    random  = { source = "hashicorp/random", version = "3.9.1" }
    time    = { source = "hashicorp/time", version = "0.14.2" }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = local.manifest.provider.labels
}

# Budgets belong to the billing account; Google wants to know which project asks.
provider "google" {
  alias                 = "billing"
  billing_project       = var.project
  user_project_override = true
}
