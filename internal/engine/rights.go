package engine

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
)

// Obstacle is a missing right of the user, or a setting of the server, that keeps jobdb from its
// work.
type Obstacle struct {
	Reason   string // says also which statement helps
	Triggers bool   // it only keeps jobdb from making triggers
}

// WriteObstacles returns what keeps this user from changing rows of these tables.
func (e *Engine) WriteObstacles(ctx context.Context, tables []string) ([]Obstacle, error) {
	if e.writeObstacles == nil {
		return nil, nil
	}
	return e.writeObstacles(ctx, e, tables)
}

// MigrationObstacles returns what keeps this user from making tables, and triggers of the tables
// Jobs and JobJDLs.
func (e *Engine) MigrationObstacles(ctx context.Context) ([]Obstacle, error) {
	if e.migrationObstacles == nil {
		return nil, nil
	}
	return e.migrationObstacles(ctx, e)
}

// inLiteral quotes names of our own for a list in a statement.
func inLiteral(names []string) string { return "('" + strings.Join(names, "', '") + "')" }

// askRow runs a query that gives one row of texts.
func askRow(ctx context.Context, q Querier, query string, into ...*string) error {
	return EachRow(ctx, q, query, func(rows *sql.Rows) error {
		targets := make([]any, len(into))
		for i, text := range into {
			targets[i] = text
		}
		return rows.Scan(targets...)
	})
}

// mysqlGrants are the rights of a user, active roles included.
type mysqlGrants struct {
	user, database string
	lines          []mysqlGrant
}

type mysqlGrant struct {
	rights          []string
	database, table string // "": all; of the database a pattern
}

func readMySQLGrants(ctx context.Context, q Querier) (*mysqlGrants, error) {
	g := &mysqlGrants{}
	if err := askRow(ctx, q, "SELECT CURRENT_USER(), DATABASE()", &g.user, &g.database); err != nil {
		return nil, err
	}
	return g, EachRow(ctx, q, "SHOW GRANTS", func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		if grant, ok := parseMySQLGrant(line); ok {
			g.lines = append(g.lines, grant)
		}
		return err
	})
}

// Names are in backquotes, or in quotes when the session's SQL mode says so.
var mysqlGrantPattern = regexp.MustCompile(
	"^GRANT (.+?) ON (?:\\*\\.\\*|([`\"])((?:[^`\"]|``|\"\")+)[`\"]\\.(?:\\*|[`\"]((?:[^`\"]|``|\"\")+)[`\"])) TO ")

// parseMySQLGrant reads a line of SHOW GRANTS. It ignores those of roles, proxies and routines.
func parseMySQLGrant(line string) (mysqlGrant, bool) {
	m := mysqlGrantPattern.FindStringSubmatch(line)
	if m == nil {
		return mysqlGrant{}, false
	}
	unquote := func(name string) string { return strings.ReplaceAll(name, m[2]+m[2], m[2]) }
	grant := mysqlGrant{database: unquote(m[3]), table: unquote(m[4])}
	for right := range strings.SplitSeq(m[1], ",") {
		grant.rights = append(grant.rights, strings.TrimSpace(right))
	}
	return grant, true
}

// covers reports whether a grant gives one of the rights on a table; "" stands for any table.
func (g *mysqlGrants) covers(table string, rights ...string) bool {
	return slices.ContainsFunc(g.lines, func(l mysqlGrant) bool {
		return (l.database == "" || matchesLike(l.database, g.database)) &&
			(l.table == "" || table == "" || strings.EqualFold(l.table, table)) &&
			slices.ContainsFunc(l.rights, func(r string) bool { return r == "ALL PRIVILEGES" || slices.Contains(rights, r) })
	})
}

// isAdministrator reports whether a right is granted on all databases.
func (g *mysqlGrants) isAdministrator(rights ...string) bool {
	global := mysqlGrants{}
	for _, l := range g.lines {
		if l.database == "" {
			global.lines = append(global.lines, l)
		}
	}
	return global.covers("", rights...)
}

// matchesLike is MySQL's LIKE, which the names of databases in grants are patterns of.
func matchesLike(pattern, name string) bool {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '_':
			b.WriteByte('.')
		case c == '%':
			b.WriteString(".*")
		default:
			b.WriteString(regexp.QuoteMeta(string([]byte{c})))
		}
	}
	matched, err := regexp.MatchString("^(?s:"+b.String()+")$", name)
	return matched && err == nil
}

// grant returns the statement that gives this user rights. It spells the database as the user's
// other grants do, because the server uses only one of two patterns that match.
func (g *mysqlGrants) grant(rights []string) string {
	database := g.database
	for _, l := range g.lines {
		if l.database != "" && l.table == "" && matchesLike(l.database, g.database) {
			database = l.database
		}
	}
	user, host := g.user, "%"
	if at := strings.LastIndexByte(g.user, '@'); at >= 0 {
		user, host = g.user[:at], g.user[at+1:]
	}
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return "GRANT " + strings.Join(rights, ", ") + " ON `" + strings.ReplaceAll(database, "`", "``") + "`.* TO " +
		literal(user) + "@" + literal(host)
}

// missing returns those of the rights that the user doesn't have on all of the tables.
func (g *mysqlGrants) missing(tables []string, rights ...string) []string {
	if len(tables) == 0 {
		tables = []string{""}
	}
	return slices.DeleteFunc(rights, func(right string) bool {
		return !slices.ContainsFunc(tables, func(table string) bool { return !g.covers(table, right) })
	})
}

// mysqlSettings are those that obstacles come from; newer servers may lack some.
func mysqlSettings(ctx context.Context, q Querier) (map[string]string, error) {
	settings := map[string]string{}
	return settings, EachRow(ctx, q, "SHOW VARIABLES WHERE Variable_name IN "+
		"('log_bin', 'binlog_format', 'log_bin_trust_function_creators', 'read_only')", func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		settings[name] = value
		return err
	})
}

func mysqlWriteObstacles(ctx context.Context, e *Engine, tables []string) ([]Obstacle, error) {
	g, err := readMySQLGrants(ctx, e.Reader)
	if err != nil {
		return nil, err
	}
	settings, err := mysqlSettings(ctx, e.Reader)
	if err != nil {
		return nil, err
	}
	var found []Obstacle
	if missing := g.missing(tables, "SELECT", "INSERT", "UPDATE", "DELETE"); len(missing) > 0 {
		found = append(found, Obstacle{Reason: "this user can't read or change all rows; an administrator runs: " + g.grant(missing)})
	}
	if readOnly := settings["read_only"]; readOnly != "" && readOnly != "OFF" && !g.isAdministrator("SUPER", "READ_ONLY ADMIN", "CONNECTION_ADMIN") {
		found = append(found, Obstacle{Reason: "the server is read-only; " +
			"if it isn't a replica, an administrator runs: SET GLOBAL read_only = 0"})
	}
	if settings["log_bin"] == "ON" && settings["binlog_format"] == "STATEMENT" {
		found = append(found, Obstacle{Reason: "the server's binary log is in the format STATEMENT, " +
			"in which it refuses all changes that jobdb makes; " +
			"an administrator runs: SET GLOBAL binlog_format = 'MIXED', and sets it in the server's configuration, too"})
	}
	return found, nil
}

func mysqlMigrationObstacles(ctx context.Context, e *Engine) ([]Obstacle, error) {
	g, err := readMySQLGrants(ctx, e.Reader)
	if err != nil {
		return nil, err
	}
	var found []Obstacle
	if missing := g.missing(nil, slices.Clone(e.Dialect.tableRights)...); len(missing) > 0 {
		found = append(found, Obstacle{Reason: "this user can't make tables; an administrator runs: " + g.grant(missing)})
	}
	missing := slices.Concat(
		g.missing([]string{"Jobs", "JobJDLs"}, "TRIGGER"), g.missing(nil, "DROP"), // later counts take the place of earlier ones
	)
	if len(missing) > 0 {
		found = append(found, Obstacle{Triggers: true, Reason: "this user can't make triggers; an administrator runs: " + g.grant(missing)})
	}
	settings, err := mysqlSettings(ctx, e.Reader)
	if err != nil {
		return nil, err
	}
	if settings["log_bin"] == "ON" && settings["log_bin_trust_function_creators"] == "OFF" && !g.isAdministrator("SUPER") {
		found = append(found, Obstacle{Triggers: true, Reason: "the server has a binary log, " +
			"and lets only users with SUPER make triggers; " +
			"an administrator runs: SET GLOBAL log_bin_trust_function_creators = 1, and sets it in the server's configuration, too"})
	}
	return found, nil
}

func postgresWriteObstacles(ctx context.Context, e *Engine, tables []string) ([]Obstacle, error) {
	var replica, user, missing string
	query := `SELECT pg_is_in_recovery()::text, quote_ident(current_user), COALESCE((
		SELECT string_agg(p, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p WHERE EXISTS (
			SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
			WHERE c.relkind IN ('r', 'p') AND c.relname IN ` + inLiteral(tables) + ` AND NOT has_table_privilege(c.oid, p))), '')`
	if err := askRow(ctx, e.Reader, query, &replica, &user, &missing); err != nil {
		return nil, err
	}
	var found []Obstacle
	if replica == "true" {
		found = append(found, Obstacle{Reason: "the server is a replica, in which nothing can be changed; name the primary"})
	}
	if missing != "" {
		schema, err := AskText(ctx, e.Reader, "SELECT quote_ident(current_schema())")
		if err != nil {
			return nil, err
		}
		found = append(found, Obstacle{Reason: "this user can't read or change all rows; an administrator runs: " +
			"GRANT " + missing + " ON ALL TABLES IN SCHEMA " + schema + " TO " + user})
	}
	return found, nil
}

func postgresMigrationObstacles(ctx context.Context, e *Engine) ([]Obstacle, error) {
	var user, schema, create, language, owner, trigger string
	query := `SELECT quote_ident(current_user), COALESCE(quote_ident(current_schema()), ''),
		COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)::text,
		has_language_privilege('plpgsql', 'USAGE')::text,
		COALESCE((SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class
			WHERE oid = to_regclass('"Jobs"') AND NOT pg_has_role(relowner, 'USAGE')), ''),
		COALESCE(has_table_privilege(to_regclass('"Jobs"'), 'TRIGGER'), true)::text`
	if err := askRow(ctx, e.Reader, query, &user, &schema, &create, &language, &owner, &trigger); err != nil {
		return nil, err
	}
	var found []Obstacle
	if schema == "" {
		return []Obstacle{{Reason: "no schema of this user's search_path is there and open to it; an administrator runs: " +
			"GRANT USAGE, CREATE ON SCHEMA public TO " + user}}, nil
	}
	if create != "true" {
		found = append(found, Obstacle{Reason: "this user can't make tables; an administrator runs: " +
			"GRANT CREATE ON SCHEMA " + schema + " TO " + user})
	}
	if language != "true" {
		found = append(found, Obstacle{Triggers: true, Reason: "this user can't make triggers; an administrator runs: " +
			"GRANT USAGE ON LANGUAGE plpgsql TO " + user})
	}
	switch {
	case owner != "":
		found = append(found, Obstacle{Reason: "the table Jobs is another user's, who alone can add triggers and indexes; " +
			"migrate as that user, or an administrator runs: GRANT " + owner + " TO " + user})
	case trigger != "true":
		found = append(found, Obstacle{Triggers: true, Reason: "this user can't make triggers; an administrator runs: " +
			`GRANT TRIGGER ON "Jobs" TO ` + user})
	}
	return found, nil
}
