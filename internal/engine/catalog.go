package engine

// Catalog has the queries that ask an engine for the tables in a database, and says what the types
// in its answers mean. Answers have the same columns on every engine.
type Catalog struct {
	Version       string   // of the engine
	Now           string   // the time of the server's clock; "" where there is no server
	Columns       string   // table, column, type, nullable, collation, default, generated
	Indexes       string   // table, index, is it the primary key, column
	Parents       string   // table, the table it refers to, cascades
	Untransacted  string   // tables without transactions, which keep what a failed one wrote; "": there can't be any
	Users         []string // a text for each connection that uses tables, longest first; queries after the first need fewer rights
	CountTriggers string   // how many triggers there are of those whose names follow in parentheses

	EndsWithKey  bool // each index of Jobs implicitly ends with JobID
	Untyped      bool // a type bounds nothing: integers always have 64 bits, and times may be texts
	RowIDs       bool // a primary key of one integer numbers its rows by itself
	TextBytes    int  // what a TEXT or BLOB holds; 0: as much as any column
	WholeSeconds bool // times have no fraction unless their type says of how many digits
}

var sqliteCatalog = Catalog{
	Version: `SELECT sqlite_version()`,
	// Only the text of the table tells a collation. One that isn't byte by byte is refused anyway.
	Columns: `SELECT m.name, c.name, c.type, c."notnull" = 0,
		CASE WHEN m.sql LIKE '%NOCASE%' THEN 'NOCASE' WHEN m.sql LIKE '%RTRIM%' THEN 'RTRIM' ELSE '' END,
		c.dflt_value, c.pk = 1 AND m.sql LIKE '%AUTOINCREMENT%'
		FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' ORDER BY m.name, c.cid`,
	Indexes: `SELECT * FROM (
		SELECT m.name AS t, '' AS i, 1 AS k, c.name, c.pk AS n
		FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.pk > 0
		UNION ALL SELECT m.name, l.name, 0, c.name, c.seqno
		FROM sqlite_master AS m, pragma_index_list(m.name) AS l, pragma_index_info(l.name) AS c
		WHERE m.type = 'table' AND l.origin <> 'pk' AND c.name IS NOT NULL
		) ORDER BY t, i, n`,
	Parents: `SELECT m.name, f."table", f.on_delete = 'CASCADE'
		FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'`,
	CountTriggers: `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN `,

	EndsWithKey: true,
	Untyped:     true,
	RowIDs:      true,
}

var mysqlCatalog = Catalog{
	Version: `SELECT VERSION()`,
	Now:     `SELECT UTC_TIMESTAMP(6)`,
	// A connection that sleeps within a transaction still uses its tables; only the first query
	// finds it.
	Users: []string{
		`SELECT CONCAT('connection ', p.id, ' of ', p.user, '@', p.host, ', ', p.command, ' for ', p.time, ' s: ', COALESCE(LEFT(p.info, 60), ''))
		FROM information_schema.processlist AS p LEFT JOIN information_schema.innodb_trx AS t ON t.trx_mysql_thread_id = p.id
		WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID() AND (p.command <> 'Sleep' OR t.trx_id IS NOT NULL) ORDER BY p.time DESC LIMIT 5`,
		`SELECT CONCAT('connection ', p.id, ' of ', p.user, '@', p.host, ', ', p.command, ' for ', p.time, ' s: ', COALESCE(LEFT(p.info, 60), ''))
		FROM information_schema.processlist AS p
		WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID() AND p.command <> 'Sleep' ORDER BY p.time DESC LIMIT 5`,
	},
	Columns: `SELECT table_name, column_name, column_type, is_nullable = 'YES',
		CASE WHEN collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') THEN '' ELSE COALESCE(collation_name, '') END,
		column_default, extra LIKE '%auto_increment%'
		FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`,
	Indexes: `SELECT table_name, index_name, index_name = 'PRIMARY', column_name, seq_in_index
		FROM information_schema.statistics WHERE table_schema = DATABASE() AND column_name IS NOT NULL
		ORDER BY table_name, index_name, seq_in_index`,
	Parents: `SELECT table_name, referenced_table_name, delete_rule = 'CASCADE'
		FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()`,
	Untransacted: `SELECT table_name FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' ORDER BY table_name`,
	CountTriggers: `SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name IN `,

	TextBytes:    1<<16 - 1,
	WholeSeconds: true,
}

var postgresCatalog = Catalog{
	Version: `SELECT current_setting('server_version')`,
	Now:     `SELECT clock_timestamp()`,
	Users: []string{
		`SELECT format('process %s of %s@%s, %s for %s s: %s', pid, usename, host(client_addr), state, extract(epoch FROM now() - xact_start)::int, left(query, 60))
		FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 5`,
	},
	Columns: `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
		CASE WHEN o.collname IN ('C', 'POSIX', 'ucs_basic') THEN '' ELSE COALESCE(o.collname, '') END,
		pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%'
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_collation AS o ON o.oid = a.attcollation
		LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum`,
	Indexes: `SELECT c.relname, i.relname, x.indisprimary, a.attname, k.n
		FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
		JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
		CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
		ORDER BY c.relname, i.relname, k.n`,
	Parents: `SELECT c.relname, p.relname, k.confdeltype = 'c'
		FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS p ON p.oid = k.confrelid
		JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema() WHERE k.contype = 'f'`,
	CountTriggers: `SELECT count(*) FROM pg_trigger WHERE tgrelid = '"Jobs"'::regclass AND tgenabled <> 'D' AND tgname IN `,
}
