terraform {
  required_version = ">= 1.11"

  required_providers {
    google  = { source = "hashicorp/google", version = ">= 7.0, < 9.0" }
    archive = { source = "hashicorp/archive", version = "~> 2.4" }
    random  = { source = "hashicorp/random", version = "~> 3.9" }
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
