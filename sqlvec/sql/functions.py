"""The functions that a statement may call: PostgreSQL's names, argument types and result types.

    name(arguments) result      one signature a line; ... repeats the last argument, ? makes it optional

any, anyelement, anyarray, anyrange and anymultirange stand for what was given, as in PostgreSQL. Evaluation is elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlvec import types
from sqlvec.sql import ranges
from sqlvec.sql.network import SIGNATURES as NETWORK
from sqlvec.sql.text_search import SIGNATURES
from sqlvec.types import SqlType

SCALAR = """
lower(text) text; upper(text) text; initcap(text) text; length(text) int4; length(bytea) int4; length(bit) int4
char_length(text) int4; character_length(text) int4; octet_length(text) int4; octet_length(bytea) int4
bit_length(text) int4; trim(text,text?) text; btrim(text,text?) text; ltrim(text,text?) text; rtrim(text,text?) text
lpad(text,int4,text?) text; rpad(text,int4,text?) text; left(text,int4) text; right(text,int4) text
replace(text,text,text) text; position(text,text) int4; strpos(text,text) int4; split_part(text,text,int4) text
substring(text,int4,int4?) text; substr(text,int4,int4?) text; substring(text,text) text
concat(any,any...) text; concat_ws(text,any...) text; format(text,any...) text; repeat(text,int4) text; reverse(text) text
translate(text,text,text) text; ascii(text) int4; chr(int4) text; md5(text) text; md5(bytea) text; sha224(bytea) bytea; sha256(bytea) bytea; sha384(bytea) bytea; sha512(bytea) bytea; to_hex(int4) text; to_hex(int8) text
encode(bytea,text) text; decode(text,text) bytea; convert(bytea,name,name) bytea; convert_from(bytea,name) text; convert_to(text,name) bytea; length(bytea,name) int4; quote_ident(text) text; quote_literal(text) text; quote_literal(any) text; quote_nullable(text) text
starts_with(text,text) bool; regexp_replace(text,text,text,text?) text; regexp_match(text,text,text?) _text
regexp_split_to_array(text,text,text?) _text; string_to_array(text,text,text?) _text; overlay(text,text,int4,int4?) text
abs(int2) int2; abs(int4) int4; abs(int8) int8; abs(numeric) numeric; abs(float4) float4; abs(float8) float8
ceil(numeric) numeric; ceil(float8) float8; ceiling(numeric) numeric; ceiling(float8) float8
floor(numeric) numeric; floor(float8) float8; round(numeric,int4) numeric; round(numeric) numeric; round(float8) float8
trunc(numeric,int4) numeric; trunc(numeric) numeric; trunc(float8) float8; mod(int2,int2) int2; mod(int4,int4) int4; mod(int8,int8) int8; mod(numeric,numeric) numeric
power(float8,float8) float8; power(numeric,numeric) numeric; pow(float8,float8) float8; sqrt(float8) float8; sqrt(numeric) numeric; cbrt(float8) float8
exp(float8) float8; exp(numeric) numeric; ln(float8) float8; ln(numeric) numeric; log(float8) float8; log(numeric) numeric; log(numeric,numeric) numeric; log10(float8) float8
sign(float8) float8; sign(numeric) numeric; random() float8; setseed(float8) void; pi() float8; degrees(float8) float8; radians(float8) float8
sin(float8) float8; cos(float8) float8; tan(float8) float8; asin(float8) float8; acos(float8) float8; atan(float8) float8; atan2(float8,float8) float8
div(numeric,numeric) numeric; gcd(int4,int4) int4; gcd(int8,int8) int8; lcm(int4,int4) int4; lcm(int8,int8) int8; width_bucket(float8,float8,float8,int4) int4
now() timestamptz; transaction_timestamp() timestamptz; statement_timestamp() timestamptz; clock_timestamp() timestamptz
date_trunc(text,timestamp) timestamp; date_trunc(text,timestamptz) timestamptz; date_trunc(text,interval) interval
date_part(text,timestamp) float8; date_part(text,timestamptz) float8; date_part(text,date) float8; date_part(text,interval) float8; date_part(text,time) float8
extract(text,timestamp) numeric; extract(text,timestamptz) numeric; extract(text,date) numeric; extract(text,interval) numeric; extract(text,time) numeric
age(timestamp,timestamp) interval; age(timestamptz,timestamptz) interval; age(timestamptz) interval; age(xid) int4
to_timestamp(float8) timestamptz; to_timestamp(text,text) timestamptz; to_date(text,text) date; to_char(timestamp,text) text; to_char(timestamptz,text) text; to_char(numeric,text) text; to_char(int4,text) text; to_char(int8,text) text; to_char(float8,text) text; to_number(text,text) numeric
make_date(int4,int4,int4) date; make_interval(int4?,int4?,int4?,int4?,int4?,int4?,float8?) interval; timezone(text,timestamp) timestamptz; timezone(text,timestamptz) timestamp; isfinite(timestamptz) bool
timeofday() text; justify_days(interval) interval; justify_hours(interval) interval; justify_interval(interval) interval; date(timestamp) date; date(timestamptz) date
array_length(anyarray,int4) int4; array_upper(anyarray,int4) int4; array_lower(anyarray,int4) int4; array_ndims(anyarray) int4; array_dims(anyarray) text; cardinality(anyarray) int4
array_append(anyarray,anyelement) anyarray; array_prepend(anyelement,anyarray) anyarray; array_cat(anyarray,anyarray) anyarray; array_remove(anyarray,anyelement) anyarray
array_position(anyarray,anyelement,int4?) int4; trim_array(anyarray,int4) anyarray; array_positions(anyarray,anyelement) _int4; array_to_string(anyarray,text,text?) text; array_fill(anyelement,_int4) anyarray; array_replace(anyarray,anyelement,anyelement) anyarray
to_json(any) json; to_jsonb(any) jsonb; row_to_json(any) json; array_to_json(anyarray) json; json_build_object(any...) json; jsonb_build_object(any...) jsonb; json_build_array(any...) json; jsonb_build_array(any...) jsonb
jsonb_typeof(jsonb) text; json_typeof(json) text; jsonb_array_length(jsonb) int4; json_array_length(json) int4; jsonb_set(jsonb,_text,jsonb,bool?) jsonb; jsonb_strip_nulls(jsonb) jsonb; json_strip_nulls(json) json; jsonb_insert(jsonb,_text,jsonb,bool?) jsonb; jsonb_set_lax(jsonb,_text,jsonb,bool?,text?) jsonb; json_object(_text,_text?) json; jsonb_object(_text,_text?) jsonb; jsonb_pretty(jsonb) text
jsonb_path_exists(jsonb,jsonpath,jsonb?,bool?) bool; jsonb_path_match(jsonb,jsonpath,jsonb?,bool?) bool; jsonb_path_query_array(jsonb,jsonpath,jsonb?,bool?) jsonb; jsonb_path_query_first(jsonb,jsonpath,jsonb?,bool?) jsonb
jsonb_path_exists_tz(jsonb,jsonpath,jsonb?,bool?) bool; jsonb_path_match_tz(jsonb,jsonpath,jsonb?,bool?) bool; jsonb_path_query_array_tz(jsonb,jsonpath,jsonb?,bool?) jsonb; jsonb_path_query_first_tz(jsonb,jsonpath,jsonb?,bool?) jsonb
jsonb_extract_path(jsonb,text...) jsonb; jsonb_extract_path_text(jsonb,text...) text; json_extract_path(json,text...) json; json_extract_path_text(json,text...) text; jsonb_exists(jsonb,text) bool
vector_dims(vector) int4; vector_dims(halfvec) int4; vector_norm(vector) float8; l2_norm(vector) float8; l2_norm(halfvec) float8; l2_norm(sparsevec) float8
l2_normalize(vector) vector; l2_normalize(halfvec) halfvec; l2_normalize(sparsevec) sparsevec; subvector(vector,int4,int4) vector; subvector(halfvec,int4,int4) halfvec
binary_quantize(vector) bit; binary_quantize(halfvec) bit; hamming_distance(bit,bit) float8; jaccard_distance(bit,bit) float8
l2_distance(vector,vector) float8; l2_distance(halfvec,halfvec) float8; l2_distance(sparsevec,sparsevec) float8
inner_product(vector,vector) float8; inner_product(halfvec,halfvec) float8; inner_product(sparsevec,sparsevec) float8
cosine_distance(vector,vector) float8; cosine_distance(halfvec,halfvec) float8; cosine_distance(sparsevec,sparsevec) float8
l1_distance(vector,vector) float8; l1_distance(halfvec,halfvec) float8; l1_distance(sparsevec,sparsevec) float8
gen_random_uuid() uuid; nextval(regclass) int8; currval(regclass) int8; lastval() int8; setval(regclass,int8,bool?) int8
version() text; current_database() name; current_schema() name; current_schemas(bool) _name; pg_backend_pid() int4; current_setting(text,bool?) text; set_config(text,text,bool) text
current_user() name; session_user() name; current_role() name; user() name; current_catalog() name; pg_typeof(any) regtype; format_type(oid,int4) text
to_regtype(text) regtype; to_regclass(text) regclass; to_regproc(text) regproc; to_regprocedure(text) regprocedure; to_regnamespace(text) regnamespace; to_regrole(text) regrole; to_regoper(text) regoper; to_regcollation(text) regcollation; parse_ident(text,bool?) _text
pg_get_expr(pg_node_tree,oid,bool?) text; pg_get_indexdef(oid) text; pg_get_indexdef(oid,int4,bool) text; pg_get_constraintdef(oid,bool?) text; pg_get_viewdef(oid,bool?) text; pg_get_viewdef(oid,int4) text; pg_get_viewdef(text,bool?) text; pg_get_userbyid(oid) name
pg_get_partkeydef(oid) text; pg_get_ruledef(oid,bool?) text; pg_get_triggerdef(oid,bool?) text; pg_get_functiondef(oid) text; pg_get_function_arguments(oid) text; pg_get_function_identity_arguments(oid) text; pg_get_function_result(oid) text; pg_get_function_arg_default(oid,int4) text; pg_get_serial_sequence(text,text) text
pg_get_statisticsobjdef(oid) text; pg_get_statisticsobjdef_columns(oid) text; pg_get_statisticsobjdef_expressions(oid) _text; pg_get_function_sqlbody(oid) text; pg_get_partition_constraintdef(oid) text; pg_get_replica_identity_index(regclass) regclass; pg_partition_root(regclass) regclass; pg_describe_object(oid,oid,int4) text
pg_table_is_visible(oid) bool; pg_type_is_visible(oid) bool; pg_function_is_visible(oid) bool; pg_collation_is_visible(oid) bool; pg_opclass_is_visible(oid) bool; pg_opfamily_is_visible(oid) bool; pg_statistics_obj_is_visible(oid) bool; pg_operator_is_visible(oid) bool; pg_conversion_is_visible(oid) bool
pg_ts_config_is_visible(oid) bool; pg_ts_dict_is_visible(oid) bool; pg_ts_parser_is_visible(oid) bool; pg_ts_template_is_visible(oid) bool
obj_description(oid,name?) text; col_description(oid,int4) text; shobj_description(oid,name) text; pg_encoding_to_char(int4) name; pg_char_to_encoding(name) int4; pg_encoding_max_length(int4) int4; getdatabaseencoding() name; pg_client_encoding() name
has_table_privilege(oid,text) bool; has_table_privilege(text,text) bool; has_table_privilege(name,oid,text) bool; has_table_privilege(name,text,text) bool; has_any_column_privilege(oid,text) bool; has_any_column_privilege(text,text) bool; has_any_column_privilege(name,oid,text) bool; has_any_column_privilege(name,text,text) bool
has_column_privilege(oid,text,text) bool; has_column_privilege(oid,int2,text) bool; has_column_privilege(text,text,text) bool; has_column_privilege(text,int2,text) bool; has_column_privilege(name,oid,int2,text) bool; has_column_privilege(name,text,text,text) bool; has_sequence_privilege(oid,text) bool; has_sequence_privilege(text,text) bool; has_sequence_privilege(name,text,text) bool
has_schema_privilege(oid,text) bool; has_schema_privilege(text,text) bool; has_schema_privilege(name,oid,text) bool; has_schema_privilege(name,text,text) bool; has_database_privilege(text,text) bool; has_database_privilege(oid,text) bool; has_database_privilege(name,oid,text) bool; has_database_privilege(name,text,text) bool; has_function_privilege(oid,text) bool; has_function_privilege(text,text) bool; has_function_privilege(name,oid,text) bool
has_language_privilege(oid,text) bool; has_language_privilege(text,text) bool; has_tablespace_privilege(oid,text) bool; has_tablespace_privilege(text,text) bool; has_tablespace_privilege(name,text,text) bool; has_type_privilege(oid,text) bool; has_type_privilege(text,text) bool; has_server_privilege(oid,text) bool; has_foreign_data_wrapper_privilege(oid,text) bool; has_parameter_privilege(text,text) bool
pg_has_role(oid,text) bool; pg_has_role(name,text) bool; pg_has_role(name,name,text) bool; pg_has_role(name,oid,text) bool; pg_has_role(oid,oid,text) bool; pg_has_role(oid,name,text) bool; acldefault(char,oid) _aclitem; row_security_active(oid) bool
pg_relation_size(regclass,text?) int8; pg_total_relation_size(regclass) int8; pg_table_size(regclass) int8; pg_indexes_size(regclass) int8; pg_database_size(name) int8; pg_database_size(oid) int8; pg_tablespace_size(oid) int8; pg_tablespace_size(name) int8; pg_tablespace_location(oid) text; pg_size_pretty(int8) text; pg_size_pretty(numeric) text; pg_size_bytes(text) int8
pg_relation_filenode(regclass) oid; pg_relation_filepath(regclass) text; pg_relation_is_publishable(regclass) bool; pg_relation_is_updatable(regclass,bool) int4; pg_column_is_updatable(regclass,int2,bool) bool; pg_column_size(any) int4; pg_sequence_last_value(regclass) int8; pg_sequence_parameters(oid) text; pg_stat_get_numscans(oid) int8
pg_index_column_has_property(regclass,int4,text) bool; pg_index_has_property(regclass,text) bool; pg_indexam_has_property(oid,text) bool; pg_collation_actual_version(oid) text
pg_is_in_recovery() bool; pg_is_wal_replay_paused() bool; txid_current() int8; pg_sleep(float8) void; pg_postmaster_start_time() timestamptz; pg_blocking_pids(int4) _int4; inet_client_addr() inet; inet_client_port() int4
pg_advisory_lock(int8) void; pg_advisory_lock(int4,int4) void; pg_try_advisory_lock(int8) bool; pg_try_advisory_lock(int4,int4) bool; pg_advisory_xact_lock(int8) void; pg_advisory_xact_lock(int4,int4) void; pg_try_advisory_xact_lock(int8) bool; pg_try_advisory_xact_lock(int4,int4) bool; pg_advisory_lock_shared(int8) void; pg_advisory_lock_shared(int4,int4) void; pg_try_advisory_lock_shared(int8) bool; pg_try_advisory_lock_shared(int4,int4) bool; pg_advisory_xact_lock_shared(int8) void; pg_advisory_xact_lock_shared(int4,int4) void; pg_try_advisory_xact_lock_shared(int8) bool; pg_try_advisory_xact_lock_shared(int4,int4) bool
pg_advisory_unlock(int8) bool; pg_advisory_unlock(int4,int4) bool; pg_advisory_unlock_shared(int8) bool; pg_advisory_unlock_shared(int4,int4) bool; pg_advisory_unlock_all() void; inet_server_addr() inet; inet_server_port() int4; pg_conf_load_time() timestamptz; pg_cancel_backend(int4) bool; pg_terminate_backend(int4,int8?) bool; pg_notify(text,text) void; pg_my_temp_schema() oid; pg_is_other_temp_schema(oid) bool; pg_jit_available() bool; pg_reload_conf() bool; pg_stat_reset() void; pg_stat_clear_snapshot() void; array_out(anyarray) text; textin(text) text; oidvectortypes(oidvector) text; quote_nullable(any) text
"""
# Of one number, each computed by a Python function of that name.
MEASURES = (
    "sind", "cosd", "tand", "cotd", "asind", "acosd", "atand",
    "cot", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
)  # fmt: skip
CALLED = """
btrim(bytea,bytea) bytea; ltrim(bytea,bytea) bytea; rtrim(bytea,bytea) bytea; position(bytea,bytea) int4; position(bit,bit) int4
substring(bytea,int4,int4?) bytea; substr(bytea,int4,int4?) bytea; substring(bit,int4,int4?) bit; substring(text,text,text) text
overlay(bytea,bytea,int4,int4?) bytea; overlay(bit,bit,int4,int4?) bit; octet_length(bpchar) int4; octet_length(bit) int4; bit_length(bytea) int4; bit_length(bit) int4
get_byte(bytea,int4) int4; set_byte(bytea,int4,int4) bytea; get_bit(bytea,int8) int4; set_bit(bytea,int8,int4) bytea; get_bit(bit,int4) int4; set_bit(bit,int4,int4) bit; bit_count(bytea) int8; bit_count(bit) int8
normalize(text,text?) text; is_normalized(text,text?) bool; unistr(text) text; num_nulls(any,any...) int4; num_nonnulls(any,any...) int4
regexp_replace(text,text,text,int4,int4?,text?) text; regexp_count(text,text,int4?,text?) int4; regexp_instr(text,text,int4?,int4?,int4?,text?,int4?) int4
regexp_like(text,text,text?) bool; regexp_substr(text,text,int4?,int4?,text?,int4?) text
gcd(numeric,numeric) numeric; lcm(numeric,numeric) numeric; factorial(int8) numeric; scale(numeric) int4; min_scale(numeric) int4; trim_scale(numeric) numeric
width_bucket(numeric,numeric,numeric,int4) int4; width_bucket(anyelement,anyarray) int4; atan2d(float8,float8) float8
make_time(int4,int4,float8) time; make_timestamp(int4,int4,int4,int4,int4,float8) timestamp; make_timestamptz(int4,int4,int4,int4,int4,float8,text?) timestamptz
date_bin(interval,timestamp,timestamp) timestamp; date_bin(interval,timestamptz,timestamptz) timestamptz; isfinite(date) bool; isfinite(timestamp) bool; isfinite(interval) bool
overlaps(timestamptz,timestamptz,timestamptz,timestamptz) bool; overlaps(timestamp,timestamp,timestamp,timestamp) bool; overlaps(time,time,time,time) bool
overlaps(timestamptz,interval,timestamptz,interval) bool; overlaps(timestamp,interval,timestamp,interval) bool; overlaps(time,interval,time,interval) bool
overlaps(timestamptz,timestamptz,timestamptz,interval) bool; overlaps(timestamp,timestamp,timestamp,interval) bool; overlaps(timestamptz,interval,timestamptz,timestamptz) bool; overlaps(timestamp,interval,timestamp,timestamp) bool
date_trunc(text,timestamptz,text) timestamptz; to_char(interval,text) text; timezone(interval,timestamp) timestamptz; timezone(interval,timestamptz) timestamp
""" + "; ".join(
    f"{name}(float8) float8" for name in MEASURES
)
LOCKING = frozenset(
    f"pg_{try_}advisory{level}_lock{shared}"
    for try_ in ("", "try_")
    for level in ("", "_xact")
    for shared in ("", "_shared")
)  # what takes a lock
UNLOCKING = frozenset(["pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all"])
AGGREGATES = """
count(any) int8; sum(int2) int8; sum(int4) int8; sum(int8) numeric; sum(numeric) numeric; sum(float4) float4; sum(float8) float8; sum(interval) interval; sum(money) money; sum(vector) vector; sum(halfvec) halfvec
avg(int2) numeric; avg(int4) numeric; avg(int8) numeric; avg(numeric) numeric; avg(float4) float8; avg(float8) float8; avg(interval) interval; avg(vector) vector; avg(halfvec) halfvec
min(anyelement) anyelement; max(anyelement) anyelement; bool_and(bool) bool; bool_or(bool) bool; every(bool) bool
bit_and(int2) int2; bit_or(int2) int2; bit_xor(int2) int2; bit_and(int4) int4; bit_or(int4) int4; bit_xor(int4) int4; bit_and(int8) int8; bit_or(int8) int8; bit_xor(int8) int8
string_agg(text,text) text; string_agg(bytea,bytea) bytea; array_agg(anyelement) anyarray; json_agg(any) json; jsonb_agg(any) jsonb; json_object_agg(any,any) json; jsonb_object_agg(any,any) jsonb
stddev(int2) numeric; stddev_samp(int2) numeric; stddev_pop(int2) numeric; variance(int2) numeric; var_samp(int2) numeric; var_pop(int2) numeric
stddev(int4) numeric; stddev(int8) numeric; stddev_samp(int4) numeric; stddev_samp(int8) numeric; stddev_pop(int4) numeric; stddev_pop(int8) numeric; variance(int4) numeric; variance(int8) numeric; var_samp(int4) numeric; var_samp(int8) numeric; var_pop(int4) numeric; var_pop(int8) numeric
stddev(float8) float8; stddev(numeric) numeric; stddev_samp(float8) float8; stddev_samp(numeric) numeric; stddev_pop(float8) float8; stddev_pop(numeric) numeric; variance(float8) float8; variance(numeric) numeric; var_samp(float8) float8; var_samp(numeric) numeric; var_pop(float8) float8; var_pop(numeric) numeric
corr(float8,float8) float8; covar_pop(float8,float8) float8; covar_samp(float8,float8) float8; regr_slope(float8,float8) float8; regr_intercept(float8,float8) float8; regr_count(float8,float8) int8
regr_avgx(float8,float8) float8; regr_avgy(float8,float8) float8; regr_r2(float8,float8) float8; regr_sxx(float8,float8) float8; regr_sxy(float8,float8) float8; regr_syy(float8,float8) float8
"""
ORDERED_SET = """
percentile_cont(float8,float8) float8; percentile_cont(float8,interval) interval; percentile_cont(_float8,float8) _float8; percentile_cont(_float8,interval) _interval
percentile_disc(float8,anyelement) anyelement; percentile_disc(_float8,anyelement) anyarray; mode(anyelement) anyelement
"""
WINDOW = """
row_number() int8; rank() int8; dense_rank() int8; percent_rank() float8; cume_dist() float8; ntile(int4) int4
lag(anyelement,int4?,anyelement?) anyelement; lead(anyelement,int4?,anyelement?) anyelement; first_value(anyelement) anyelement; last_value(anyelement) anyelement; nth_value(anyelement,int4) anyelement
"""
# Aggregates that rank a row which is not there: as many arguments as sort keys.
HYPOTHETICAL = {"rank": "int8", "dense_rank": "int8", "percent_rank": "float8", "cume_dist": "float8"}
# Functions in FROM, and set-returning functions of the target list.
TABLE = """
generate_series(int4,int4,int4?) int4; generate_series(int8,int8,int8?) int8; generate_series(timestamp,timestamp,interval) timestamp; generate_series(timestamptz,timestamptz,interval) timestamptz; generate_series(numeric,numeric,numeric?) numeric
unnest(anyarray) anyelement; generate_subscripts(anyarray,int4) int4; jsonb_array_elements(jsonb) jsonb; jsonb_array_elements_text(jsonb) text; json_array_elements(json) json; json_array_elements_text(json) text
jsonb_path_query(jsonb,jsonpath,jsonb?,bool?) jsonb; jsonb_path_query_tz(jsonb,jsonpath,jsonb?,bool?) jsonb; jsonb_object_keys(jsonb) text; json_object_keys(json) text; regexp_split_to_table(text,text,text?) text; string_to_table(text,text,text?) text; regexp_matches(text,text,text?) _text
pg_listening_channels() text; pg_tablespace_databases(oid) oid; pg_partition_ancestors(regclass) regclass
"""


# Functions whose rows have several columns: what they take, and the columns.
RECORD = """
_pg_expandarray(anyarray): x anyelement, n int4
pg_options_to_table(_text): option_name text, option_value text
analyze(text,text): position int4, word text, term text
ts_parse(any,text): tokid int4, token text
ts_token_type(any): tokid int4, alias text, description text
ts_debug(regconfig,text): alias text, description text, token text, dictionaries _text, dictionary text, lexemes _text
tsvector_unnest(tsvector): lexeme text, positions _int2, weights _text
aclexplode(_aclitem): grantor oid, grantee oid, privilege_type text, is_grantable bool
pg_partition_tree(regclass): relid regclass, parentrelid regclass, isleaf bool, level int4
jsonb_each(jsonb): key text, value jsonb
json_each(json): key text, value json
jsonb_each_text(jsonb): key text, value text
json_each_text(json): key text, value text
"""

# Names of arguments, for calls by name.
_NAMES = """
make_date(year, month, day)
make_interval(years, months, weeks, days, hours, mins, secs)
jsonb_set(jsonb_in, path, replacement, create_if_missing)
"""
_NAME_LINE = re.compile(r"(\w+)\(([^)]*)\)")
ARGUMENT_NAMES = {name: tuple(words.split(", ")) for name, words in _NAME_LINE.findall(_NAMES)}
ARGUMENT_NAMES |= {
    f"jsonb_path_{what}{zoned}": ("target", "path", "vars", "silent")
    for what in ("exists", "match", "query", "query_array", "query_first")
    for zoned in ("", "_tz")
}
# What an argument is that is not given though one after it is, as a literal.
ARGUMENT_DEFAULTS = {"vars": "{}"} | {name: "0" for name in ARGUMENT_NAMES["make_interval"]}


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    arguments: tuple[str, ...]
    result: str
    required: int
    variadic: bool

    def accepts(self, count: int) -> bool:
        if self.variadic:
            return count >= self.required
        return self.required <= count <= len(self.arguments)

    def argument(self, index: int) -> str:
        return self.arguments[min(index, len(self.arguments) - 1)]


_LINE = re.compile(r"(\w+)\(([^)]*)\)\s+(\w+)")


def function_table(text: str) -> dict[str, list[Signature]]:
    table: dict[str, list[Signature]] = {}
    for name, arguments, result in _LINE.findall(text):
        words = [word.strip() for word in arguments.split(",") if word.strip()]
        variadic = bool(words) and words[-1].endswith("...")
        required = sum(1 for word in words if not word.endswith("?")) - variadic
        plain = tuple(word.rstrip("?.") for word in words)
        table.setdefault(name, []).append(Signature(name, plain, result, required, variadic))
    return table


def _record_table(text: str) -> dict[str, tuple[Signature, tuple[tuple[str, str], ...]]]:
    """By name: the signature, and the columns as name and type."""
    table = {}
    for line in text.strip().splitlines():
        call, _, columns = line.partition("): ")
        ((name, (signature,)),) = function_table(f"{call}) record").items()
        pairs = tuple((n, t) for n, t in (column.split() for column in columns.split(", ")))
        table[name] = (signature, pairs)
    return table


FUNCTIONS = function_table(SCALAR + CALLED + SIGNATURES + NETWORK + ranges.SIGNATURES)
AGGREGATE_FUNCTIONS = function_table(AGGREGATES + ranges.AGGREGATES)
ORDERED_SET_FUNCTIONS = function_table(ORDERED_SET)
WINDOW_FUNCTIONS = function_table(WINDOW)
TABLE_FUNCTIONS = function_table(TABLE + ranges.TABLE)
RECORD_FUNCTIONS = _record_table(RECORD)
VOLATILE = frozenset(
    [
        "random", "nextval", "setval", "gen_random_uuid", "clock_timestamp", "pg_sleep", "pg_notify",
        "pg_cancel_backend", "pg_terminate_backend",
    ]
)  # fmt: skip
_PSEUDO = ("any", "anyelement", "anyarray", "anyrange", "anymultirange")


def type_of(word: str) -> SqlType:
    found = types.by_name(word)
    assert found is not None, word
    return found


def is_pseudo(word: str) -> bool:
    return word in _PSEUDO
