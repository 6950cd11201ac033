package exposed

import "strings"

// A closed is what a path was found to be.
type closed struct {
	rule, what string
	observe    bool
}

// folders are names that no site gives to a folder of its own. One of them in
// any place closes the path.
var folders = map[string]closed{
	".git": {rule: RuleVersionControl, what: "a Git repository"},
	".svn": {rule: RuleVersionControl, what: "a Subversion working copy"},
	".hg":  {rule: RuleVersionControl, what: "a Mercurial repository"},
	".bzr": {rule: RuleVersionControl, what: "a Bazaar branch"},

	".ssh":    {rule: RuleSettings, what: "a folder of SSH keys"},
	".aws":    {rule: RuleSettings, what: "the credentials of AWS"},
	".kube":   {rule: RuleSettings, what: "the credentials of Kubernetes"},
	".docker": {rule: RuleSettings, what: "the credentials of Docker"},
	".gnupg":  {rule: RuleSettings, what: "a folder of GnuPG keys"},
	".idea":   {rule: RuleSettings, what: "an editor's project folder"},
	".vscode": {rule: RuleSettings, what: "an editor's project folder"},
}

// files are names of files that no site serves on purpose.
var files = map[string]closed{
	".ds_store":        {rule: RuleSettings, what: "a folder's list, kept by macOS"},
	".htaccess":        {rule: RuleSettings, what: "Apache's settings of a folder"},
	".htpasswd":        {rule: RuleSettings, what: "Apache's passwords"},
	".npmrc":           {rule: RuleSettings, what: "the credentials of npm"},
	".pypirc":          {rule: RuleSettings, what: "the credentials of PyPI"},
	".netrc":           {rule: RuleSettings, what: "credentials"},
	".pgpass":          {rule: RuleSettings, what: "PostgreSQL's passwords"},
	".my.cnf":          {rule: RuleSettings, what: "MySQL's passwords"},
	".dockercfg":       {rule: RuleSettings, what: "the credentials of Docker"},
	".git-credentials": {rule: RuleVersionControl, what: "the credentials of Git"},
	".gitconfig":       {rule: RuleVersionControl, what: "the settings of Git"},
	".bash_history":    {rule: RuleSettings, what: "a shell's history"},
	".zsh_history":     {rule: RuleSettings, what: "a shell's history"},
	".sh_history":      {rule: RuleSettings, what: "a shell's history"},
	".mysql_history":   {rule: RuleSettings, what: "a database client's history"},
	".psql_history":    {rule: RuleSettings, what: "a database client's history"},
	".bashrc":          {rule: RuleSettings, what: "a shell's settings"},
	".profile":         {rule: RuleSettings, what: "a shell's settings"},
	"id_rsa":           {rule: RuleSettings, what: "a private key"},
	"id_dsa":           {rule: RuleSettings, what: "a private key"},
	"id_ecdsa":         {rule: RuleSettings, what: "a private key"},
	"id_ed25519":       {rule: RuleSettings, what: "a private key"},
	"web.config":       {rule: RuleSettings, what: "the settings of IIS"},
	"elmah.axd":        {rule: RuleDebug, what: "the error log of ELMAH"},
	"trace.axd":        {rule: RuleDebug, what: "the trace of ASP.NET"},
	"wp-config.txt":    {rule: RuleBackup, what: "a copy of WordPress's settings"},
	"eval-stdin.php":   {rule: RuleDebug, what: "PHPUnit's evaluator"},
}

// dotEnv are the files of settings that frameworks read.
func dotEnv(name string) bool {
	return name == ".env" || strings.HasPrefix(name, ".env.") || strings.HasPrefix(name, ".env_") || strings.HasPrefix(name, ".env-") || name == ".envrc" || name == ".env~"
}

// An endpoint is a path of segments from the site's root, or below one of bases.
// What follows it is closed too.
type endpoint struct {
	path string
	closed
}

var endpoints = []endpoint{
	{"debug/pprof", closed{rule: RuleDebug, what: "Go's profiler"}},
	{"debug/vars", closed{rule: RuleDebug, what: "Go's expvar"}},
	{"debug/requests", closed{rule: RuleDebug, what: "Go's request traces"}},
	{"debug/default/view", closed{rule: RuleDebug, what: "Yii's debugger"}},
	{"server-status", closed{rule: RuleDebug, what: "Apache's status"}},
	{"server-info", closed{rule: RuleDebug, what: "Apache's configuration"}},
	{"nginx_status", closed{rule: RuleDebug, what: "nginx's status"}},
	{"phpinfo.php", closed{rule: RuleDebug, what: "phpinfo"}},
	{"php-fpm/status", closed{rule: RuleDebug, what: "the status of PHP-FPM"}},
	{"__debug__", closed{rule: RuleDebug, what: "the Django debug toolbar"}},
	{"_profiler", closed{rule: RuleDebug, what: "Symfony's profiler"}},
	{"_wdt", closed{rule: RuleDebug, what: "Symfony's toolbar"}},
	{"_ignition", closed{rule: RuleDebug, what: "Laravel's Ignition"}},
	{"_debugbar", closed{rule: RuleDebug, what: "Laravel's debug bar"}},
	{"rails/info", closed{rule: RuleDebug, what: "Rails' routes and properties"}},
	{"rails/mailers", closed{rule: RuleDebug, what: "Rails' mail previews"}},
	{"__nextjs_original-stack-frame", closed{rule: RuleDebug, what: "Next.js's development server"}},
	{"__nextjs_source-map", closed{rule: RuleDebug, what: "Next.js's development server"}},
	{"@fs", closed{rule: RuleDebug, what: "files outside of a Vite project"}},
	{"h2-console", closed{rule: RuleDebug, what: "the console of the H2 database"}},
	{"jmx-console", closed{rule: RuleDebug, what: "JBoss's console"}},
	{"web-console/serverinfo.jsp", closed{rule: RuleDebug, what: "JBoss's console"}},
	{"jolokia", closed{rule: RuleDebug, what: "Jolokia"}},
	{"heapdump", closed{rule: RuleDebug, what: "a dump of the memory"}},
	{"threaddump", closed{rule: RuleDebug, what: "a dump of the threads"}},
	{"cgi-bin/test-cgi", closed{rule: RuleDebug, what: "Apache's test script"}},
	{"cgi-bin/printenv", closed{rule: RuleDebug, what: "Apache's test script"}},
	{"metrics", closed{rule: RuleMetrics, what: "Prometheus's metrics", observe: true}},
	{"actuator/prometheus", closed{rule: RuleMetrics, what: "Prometheus's metrics", observe: true}},
	{"actuator/metrics", closed{rule: RuleMetrics, what: "Spring's metrics", observe: true}},
	{"swagger-ui", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"swagger-ui.html", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"swagger.json", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"v2/api-docs", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"v3/api-docs", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"openapi.json", closed{rule: RuleMetrics, what: "a description of the API", observe: true}},
	{"phpmyadmin", closed{rule: RuleMetrics, what: "phpMyAdmin", observe: true}},
	{"adminer.php", closed{rule: RuleMetrics, what: "Adminer", observe: true}},
	{"manager/html", closed{rule: RuleMetrics, what: "Tomcat's manager", observe: true}},
}

// actuators are the endpoints of Spring Boot that tell or change more than
// whether it runs.
var actuators = words(`env heapdump threaddump dump beans configprops mappings loggers logfile jolokia httptrace httpexchanges trace auditevents
	sessions shutdown restart refresh pause resume gateway caches conditions autoconfig scheduledtasks flyway liquibase startup integrationgraph quartz
	sbom features busrefresh bus-refresh bus-env`)

// bases are first segments below which applications are mounted.
var bases = words("api app admin manage management internal backend service services web public v1 v2 v3 rest")

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// browsers are segments by which forges and file browsers show the files of a
// repository: behind them, names are data.
var browsers = words("src blob tree raw blame commits commit edit browse files compare contents -")

// code are the endings of files that a server runs and does not show, and
// copies what is put behind them.
var (
	code   = words("php php3 php4 php5 phtml inc asp aspx ascx ashx config jsp jspx cfm py rb pl cgi properties yml yaml ini conf env")
	copies = words("bak old orig save sav swp swo copy tmp backup txt~ bk 1 2")
)
