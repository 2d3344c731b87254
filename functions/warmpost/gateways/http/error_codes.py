"""Every code an error of the public doors can have, by its kind: what clients may tell apart.

Kept here and not where they are raised, so that the OpenAPI document can name them; a test compares the two.
"""

from __future__ import annotations

from warmpost.errors import (
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    Malformed,
    NotAllowed,
    NotFound,
    Outdated,
    Problem,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedType,
)


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


CODES: dict[type[Problem], frozenset[str]] = {
    Malformed: _codes("invalid_gzip invalid_json invalid_record"),
    UnsupportedType: _codes("unsupported_encoding"),
    NotAllowed: _codes("method_not_allowed"),
    Unauthorized: _codes(
        """
        key_expired missing_key missing_signature signature_expired source_not_set_up wrong_key wrong_secret
        wrong_signature
        """
    ),
    Forbidden: _codes("domain_not_allowed missing_scope sender_not_allowed submitted_by_another"),
    NotFound: _codes(
        """
        address_not_found batch_not_found bounce_text_not_found domain_not_found erasure_not_found
        key_not_found list_not_found
        message_forgotten message_not_found not_found pool_not_found recipient_not_found
        schedule_not_found suppression_not_found template_not_found unknown_source version_not_found
        webhook_not_found
        """
    ),
    Conflict: _codes(
        """
        address_exists batch_cancelled batch_done batch_failed batch_paused changed_meanwhile content_gone
        domain_exists domain_in_use domain_not_verified domain_suspended idempotency_key_reused message_sent
        list_empty list_in_use list_is_busy name_taken pool_exists pool_in_use schedule_ended template_in_use
        webhook_disabled
        """
    ),
    Outdated: _codes("version_outdated"),
    TooLarge: _codes(
        """
        events_too_large message_too_large records_too_large report_too_large request_too_large
        too_many_events too_many_recipients too_many_records too_many_rows
        """
    ),
    Invalid: _codes(
        """
        attachment_type_refused cannot_render data_too_large dkim_key_sealed header_injection
        header_not_allowed invalid_address invalid_at invalid_base64 invalid_class invalid_content
        invalid_content_id
        invalid_content_type invalid_count invalid_csv invalid_cursor invalid_day invalid_dkim_key
        invalid_domain invalid_every invalid_expires_at invalid_field invalid_filename invalid_format
        invalid_by invalid_idempotency_key invalid_level invalid_limit invalid_name invalid_pending
        invalid_period invalid_provider invalid_reason invalid_rrule invalid_rules invalid_scheduled_at
        invalid_start_at invalid_status
        invalid_subject invalid_suppressed invalid_tag invalid_timezone invalid_until invalid_update invalid_url
        missing_field
        missing_content_id invalid_password missing_from bare_control broken_header invalid_from line_too_long mail_loop
        missing_variable name_too_long named_twice recipients_or_list send_or_batch start_in_past
        subject_too_long template_syntax template_too_large too_many_attachments too_many_corrections too_many_headers
        too_many_recipients too_many_tags unexpected_field unknown_field unknown_language
        invalid_list invalid_since invalid_template unknown_message_id unknown_return_path value_too_long
        """
    ),
    LimitReached: _codes("daily_cap_reached domain_blocked rate_limited too_many_webhooks"),
    Unavailable: _codes(
        "changed_meanwhile dns_unavailable queue_unavailable store_unavailable too_much_at_once"
    ),
}
