/* SPDX-License-Identifier: BSD-2-Clause */
/* nginx_variables: from nginx's public documentation, without those of its commercial modules. */
#include "http/nginx_variables.h"
#include "base/compiler.h"
#include <stddef.h>

/* What ends with "_" begins a family, such as $upstream_http_server. */
static const char *const names[] = {
    "ancient_browser",
    "connections_active",
    "connections_reading",
    "connections_waiting",
    "connections_writing",
    "fastcgi_path_info",
    "fastcgi_script_name",
    "geoip_area_code",
    "geoip_city",
    "geoip_city_continent_code",
    "geoip_city_country_code",
    "geoip_city_country_code3",
    "geoip_city_country_name",
    "geoip_country_code",
    "geoip_country_code3",
    "geoip_country_name",
    "geoip_dma_code",
    "geoip_latitude",
    "geoip_longitude",
    "geoip_org",
    "geoip_postal_code",
    "geoip_region",
    "geoip_region_name",
    "http2",
    "http3",
    "memcached_key",
    "modern_browser",
    "msie",
    "proxy_add_x_forwarded_for",
    "proxy_host",
    "proxy_port",
    "slice_range",
    "ssl_alpn_protocol",
    "ssl_cipher",
    "ssl_ciphers",
    "ssl_client_cert",
    "ssl_client_escaped_cert",
    "ssl_client_fingerprint",
    "ssl_client_i_dn",
    "ssl_client_i_dn_legacy",
    "ssl_client_raw_cert",
    "ssl_client_s_dn",
    "ssl_client_s_dn_legacy",
    "ssl_client_serial",
    "ssl_client_v_end",
    "ssl_client_v_remain",
    "ssl_client_v_start",
    "ssl_client_verify",
    "ssl_curve",
    "ssl_curves",
    "ssl_early_data",
    "ssl_protocol",
    "ssl_server_name",
    "ssl_session_id",
    "ssl_session_reused",
    "uid_got",
    "uid_reset",
    "uid_set",
    "upstream_addr",
    "upstream_bytes_received",
    "upstream_bytes_sent",
    "upstream_cache_status",
    "upstream_connect_time",
    "upstream_cookie_",
    "upstream_first_byte_time",
    "upstream_header_time",
    "upstream_http_",
    "upstream_last_server_name",
    "upstream_queue_time",
    "upstream_response_length",
    "upstream_response_time",
    "upstream_status",
    "upstream_trailer_",
};

bool
http_variable_is_nginxs(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str known = str_of(names[i]);

        if (str_ends(known, STR("_")) ? name.len > known.len && str_starts(name, known)
                                      : str_eq(name, known))
            return true;
    }
    return false;
}
