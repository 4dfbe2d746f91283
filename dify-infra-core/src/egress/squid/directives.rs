//! The other directives of squid 5.7 (`src/cf.data.pre`): which may change a decision, and which don't.

use std::collections::HashSet;
use std::sync::LazyLock;

/// What a directive may do to requests after, or besides, `http_access`.
pub(super) fn changes_requests(name: &str) -> Option<&'static str> {
    let found = CHANGING.iter().find(|(known, _)| *known == name);
    found.map(|(_, what)| *what)
}

/// Whether a directive decides nothing about who reaches what.
pub(super) fn is_harmless(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| HARMLESS.split_ascii_whitespace().collect());
    NAMES.contains(name)
}

const CHANGING: [(&str, &str); 18] = [
    (
        "adaptation_access",
        "may hand a request to another program, which may change or answer it",
    ),
    (
        "adapted_http_access",
        "may refuse a request that `http_access` let pass",
    ),
    (
        "ecap_enable",
        "may hand a request to another program, which may change or answer it",
    ),
    ("ftp_port", "opens another way in, by FTP"),
    (
        "http_access2",
        "may refuse a request that `http_access` let pass",
    ),
    ("http_reply_access", "may withhold the answer to a request"),
    (
        "icap_enable",
        "may hand a request to another program, which may change or answer it",
    ),
    (
        "miss_access",
        "may refuse a request that `http_access` let pass",
    ),
    (
        "on_unsupported_protocol",
        "may pass on what is not HTTP, without asking `http_access`",
    ),
    ("redirect_program", "may change where a request goes"),
    (
        "redirector_access",
        "chooses the requests whose destination is changed",
    ),
    ("relaxed_header_parser", "changes which requests are read"),
    ("ssl_bump", "may open tunnels and look into them"),
    ("uri_whitespace", "changes how blanks in URLs are read"),
    (
        "url_rewrite_access",
        "chooses the requests whose destination is changed",
    ),
    ("url_rewrite_program", "may change where a request goes"),
    (
        "wccp2_router",
        "lets another machine send requests here that were meant for others",
    ),
    (
        "wccp_router",
        "lets another machine send requests here that were meant for others",
    ),
];

/// Logs, limits, caches, answers, and how names are asked for: the answers are given by whoever
/// asks.
const HARMLESS: &str = "\
    access_log announce_file announce_host announce_period announce_port as_whois_server \
    auth_param authenticate_cache_garbage_interval authenticate_ip_ttl authenticate_ttl \
    background_ping_rate balance_on_multiple_ip broken_posts buffered_logs cache cache_dir \
    cache_effective_group cache_effective_user cache_log cache_mem cache_mgr cache_miss_revalidate \
    cache_replacement_policy cache_store_log cache_swap_high cache_swap_low cache_swap_state \
    cachemgr_passwd chroot chunked_request_body_max_size client_db client_delay_access \
    client_delay_initial_bucket_level client_delay_parameters client_delay_pools \
    client_dst_passthru client_idle_pconn_timeout client_ip_max_connections client_lifetime \
    client_netmask client_persistent_connections client_request_buffer_max_size clientside_mark \
    clientside_tos collapsed_forwarding collapsed_forwarding_access connect_retries \
    connect_timeout coredump_dir cpu_affinity_map dead_peer_timeout debug_options delay_access \
    delay_class delay_initial_bucket_level delay_parameters delay_pools deny_info \
    detect_broken_pconn digest_generation diskd_program dns_defnames dns_multicast_local \
    dns_nameservers dns_packet_max dns_retransmit_interval dns_timeout dns_v4_first email_err_data \
    err_html_text err_page_stylesheet error_default_language error_directory error_log_languages \
    error_map eui_lookup external_acl_type force_request_body_continuation forward_max_tries \
    forward_timeout forwarded_for fqdncache_size ftp_eprt ftp_epsv ftp_epsv_all ftp_passive \
    ftp_sanitycheck ftp_telnet_protocol ftp_user global_internal_static half_closed_clients \
    happy_eyeballs_connect_gap happy_eyeballs_connect_limit happy_eyeballs_connect_timeout \
    high_memory_warning high_page_fault_warning high_response_time_warning \
    hopeless_kid_revival_delay host_verify_strict hostname_aliases hosts_file htcp_access \
    htcp_clr_access htcp_port http_upgrade_request_protocols httpd_suppress_version_string \
    icon_directory icp_access icp_port icp_query_timeout ident_lookup_access ident_timeout \
    ignore_expect_100 ignore_unknown_nameservers ipcache_high ipcache_low ipcache_size \
    log_icp_queries log_mime_hdrs log_uses_indirect_client logfile_daemon logfile_rotate logformat \
    logtype mail_from mail_program mark_client_connection mark_client_packet max_filedesc \
    max_filedescriptors max_open_disk_fds max_stale maximum_object_size \
    maximum_object_size_in_memory maximum_single_addr_tries memory_cache_mode memory_cache_shared \
    memory_pools memory_pools_limit memory_replacement_policy mime_table minimum_expiry_time \
    minimum_object_size negative_dns_ttl negative_ttl netdb_filename netdb_high netdb_low \
    netdb_ping_period note offline_mode paranoid_hit_validation pconn_lifetime pconn_timeout \
    peer_connect_timeout persistent_connection_after_error persistent_request_timeout pid_filename \
    pinger_enable pinger_program pipeline_prefetch positive_dns_ttl proxy_protocol_access \
    qos_flows query_icmp quick_abort_max quick_abort_min quick_abort_pct range_offset_limit \
    read_ahead_gap read_timeout refresh_all_ims refresh_pattern refresh_stale_hit reload_into_ims \
    reply_body_max_size reply_header_access reply_header_add reply_header_max_size \
    reply_header_replace request_body_max_size request_entities request_header_access \
    request_header_add request_header_max_size request_header_replace request_start_timeout \
    request_timeout response_delay_pool response_delay_pool_access retry_on_error send_hit \
    server_idle_pconn_timeout server_pconn_for_nonretriable server_persistent_connections \
    shared_memory_locking shared_transient_entries_limit short_icon_urls shutdown_lifetime \
    sleep_after_fork snmp_access snmp_incoming_address snmp_outgoing_address snmp_port \
    spoof_client_ip sslproxy_session_cache_size sslproxy_session_ttl stats_collection \
    store_avg_object_size store_dir_select_algorithm store_id_access store_id_bypass \
    store_id_children store_id_extras store_id_program store_miss store_objects_per_bucket \
    strip_query_terms tcp_outgoing_address tcp_outgoing_mark tcp_outgoing_tos tcp_recv_bufsize \
    tls_outgoing_options udp_incoming_address udp_outgoing_address umask unique_hostname \
    unlinkd_program update_headers vary_ignore_expire via windows_ipaddrchangemonitor workers \
    write_timeout";
