locals {
  documents = yamldecode(file("${path.module}/firestore.yml"))
  fields = merge(
    merge([
      for collection, fields in local.documents.single : {
        for field, indexes in fields : "${collection}/${field}" => { collection = collection, field = field, indexes = indexes }
      }
    ]...),
    merge([
      for collection, fields in local.documents.unindexed : {
        for field in fields : "${collection}/${field}" => { collection = collection, field = field, indexes = [] }
      }
    ]...),
  )
}

resource "google_firestore_database" "database" {
  name                              = "(default)"
  location_id                       = coalesce(var.firestore_location, var.region)
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  deletion_policy                   = "ABANDON"
  depends_on                        = [google_project_service.needed]
}

resource "google_firestore_backup_schedule" "daily" {
  database  = google_firestore_database.database.name
  retention = "1209600s" # 14 days

  daily_recurrence {}
}

resource "google_firestore_index" "composite" {
  for_each    = { for one in local.documents.composite : "${one.collection}/${join(",", one.fields)}" => one }
  database    = google_firestore_database.database.name
  collection  = each.value.collection
  query_scope = each.value.scope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }
}

resource "google_firestore_field" "field" {
  for_each   = local.fields
  database   = google_firestore_database.database.name
  collection = each.value.collection
  field      = each.value.field

  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        query_scope  = indexes.value.scope
        order        = indexes.value.kind == "CONTAINS" ? null : indexes.value.kind
        array_config = indexes.value.kind == "CONTAINS" ? "CONTAINS" : null
      }
    }
  }

  dynamic "ttl_config" {
    for_each = try(local.documents.ttl[each.value.collection], "") == each.value.field ? [1] : []
    content {}
  }
}
