package policy

// The tables below are of PostgreSQL 13 to 18 with the modules of its
// distribution, and SQLite 3. A function is known by its name, whatever the
// schema: one of the application's own of that name can be declared.

// serverFiles are functions that read, write or list files of the server.
var serverFiles = set(
	"pg_read_file", "pg_read_file_old", "pg_read_binary_file", "pg_stat_file",
	"pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir", "pg_ls_tmpdir", "pg_ls_archive_statusdir", "pg_ls_summariesdir",
	"pg_ls_logicalmapdir", "pg_ls_logicalsnapdir", "pg_ls_replslotdir", "pg_logdir_ls",
	"lo_import", "lo_export", "be_lo_import", "be_lo_export",
	"pg_file_write", "pg_file_read", "pg_file_rename", "pg_file_unlink", "pg_file_sync", "pg_file_length",
	"pg_hba_file_rules", "pg_ident_file_mappings", "pg_show_all_file_settings",
	"readfile", "writefile", "edit", "fsdir",
)

// reaching are functions that reach beyond the data: other servers, other
// sessions, the server as a whole. Names that begin with dblink are too.
var reaching = set(
	"pg_sleep", "pg_sleep_for", "pg_sleep_until",
	"pg_terminate_backend", "pg_cancel_backend", "pg_log_backend_memory_contexts",
	"pg_reload_conf", "pg_rotate_logfile", "pg_rotate_logfile_old", "pg_logfile_rotate", "pg_promote",
	"pg_switch_wal", "pg_switch_xlog", "pg_create_restore_point", "pg_log_standby_snapshot",
	"pg_backup_start", "pg_backup_stop", "pg_start_backup", "pg_stop_backup",
	"pg_wal_replay_pause", "pg_wal_replay_resume", "pg_xlog_replay_pause", "pg_xlog_replay_resume",
	"pg_create_physical_replication_slot", "pg_create_logical_replication_slot", "pg_drop_replication_slot",
	"pg_copy_physical_replication_slot", "pg_copy_logical_replication_slot", "pg_replication_slot_advance", "pg_sync_replication_slots",
	"pg_logical_slot_get_changes", "pg_logical_slot_get_binary_changes", "pg_logical_slot_peek_changes", "pg_logical_slot_peek_binary_changes",
	"pg_replication_origin_create", "pg_replication_origin_drop", "pg_replication_origin_advance", "pg_replication_origin_session_setup",
	"pg_import_system_collations", "pg_stat_reset_shared", "pg_config",
	"database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema",
	"schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema",
	"get_raw_page", "pg_read_page", "heap_force_kill", "heap_force_freeze", "plperl_call_handler", "plpgsql_call_handler",
	"load_extension", "fts3_tokenizer",
)

// loosening are settings that make the server check less, or run code.
var loosening = set(
	"session_replication_role", "local_preload_libraries", "session_preload_libraries", "shared_preload_libraries",
	"dynamic_library_path", "allow_system_table_mods", "zero_damaged_pages", "ignore_system_indexes", "ignore_checksum_failure",
	"lo_compat_privileges", "log_statement", "log_min_messages",
)

// trusted are the languages that are confined to the database.
var trusted = set("sql", "plpgsql", "pltcl", "plperl", "plv8", "pllua", "plr_trusted")

// credentials are catalogues that hold passwords, or what they were made into.
var credentials = set(
	"pg_authid", "pg_shadow", "pg_user_mapping", "pg_user_mappings", "pg_subscription", "pg_foreign_server", "pg_hba_file_rules",
	"_pg_user_mappings", "user_mapping_options", "pg_largeobject",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
