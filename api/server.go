package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/cors"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/metrics"
	"jobdb/traces"
	"jobdb/wms"
)

// Config is what the service needs. Fields must be set unless their comments say otherwise.
type Config struct {
	DB         *jobdb.DB
	Jobs       *wms.JobManager
	Keys       *auth.Keys   // verify tokens
	Issuer     string       // the issuer that tokens must name
	Logins     *auth.Logins // of web pages, if this server signs its own tokens; nil if tokens come from another issuer
	Visibility auth.Visibility
	Operators  []auth.Operator // who may read the jobs of all VOs; may be nil
	Rates      Rates           // of requests; zero: any number
	Origins    []string        // of web pages that may use the service, "*" for all; may be nil: only its own
	Page       fs.FS           // files of jobdb's own page, at /jobdb/ and, without Web, at /; may be nil
	Web        fs.FS           // files of another web interface, to serve beside the routes; may be nil
	Pilots     *jobdb.Pilots   // knows the stamps of pilots; may be nil
	Stores     []Store         // the databases beside DB, for the probe of readiness; may be nil
	Clock      func() time.Time
	Logger     *slog.Logger
	Metrics    *metrics.Registry // counts requests; may be nil
	Traces     *traces.Tracer    // traces requests; may be nil
	Proxies    []netip.Prefix    // addresses of proxies, which say who a client is; may be nil
	PublicURL  string            // at which clients reach the server, without a final slash; "": as the Host of each request says
	MaxBody    int64             // size of a request's body in bytes; 0: 10 MiB

	// RequestTimeout is how long a request may run until it is answered with 503; 0: no limit.
	RequestTimeout time.Duration
	// LinesTimeout is how long a client may take to read the next piece of a search's lines until it
	// is cut off; 0: 30 seconds.
	LinesTimeout time.Duration
}

type service struct {
	Config

	verifier    *auth.Verifier
	metadata    *auth.Metadata              // of the issuer; unused where there is none
	crossOrigin *http.CrossOriginProtection // of logins
	own         *page                       // jobdb's own; nil where there is none
	userRates   *limiter
	voRates     *limiter
	uploads     *gate         // memory of large bodies while they come in
	work        *gate         // memory of large bodies while they are worked on
	answers     *gate         // memory of large answers
	classes                   // of work with the database
	changed     *changeHub    // finds out which jobs change, while somebody listens
	dropped     atomic.Uint64 // outputs of jobs, see noteDropped
}

// New returns the service.
func New(c Config) http.Handler {
	if c.MaxBody == 0 {
		c.MaxBody = 10 << 20
	}
	if c.LinesTimeout == 0 {
		c.LinesTimeout = 30 * time.Second
	}
	s := &service{
		Config: c, verifier: auth.NewVerifier(c.Issuer, c.Keys, c.Clock),
		userRates: newLimiter(c.Rates.User, "user", "you send more requests than a user may; try again later"),
		voRates:   newLimiter(c.Rates.VO, "vo", "the users of your VO send more requests than they may together; try again later"),
		metadata:  auth.NewMetadata(c.Issuer, c.Clock), crossOrigin: newCrossOrigin(c.Origins),
		uploads: bodyGate(max(uploadMemory, 2*c.MaxBody)), work: bodyGate(max(workMemory, 2*c.MaxBody)),
		answers: answerGate(), classes: newClasses(c.DB.Connections(), runtime.GOMAXPROCS(0)),
	}
	s.Metrics.WatchClasses(s.classNumbers)
	if c.Page != nil {
		s.own = newPage(c.Page, c.Issuer, c.Logger)
	}
	s.changed = newChangeHub(c.DB, c.Logger)
	mux, methods := http.NewServeMux(), map[string][]string{}
	for _, r := range s.routes() {
		mux.Handle(r.method+" "+r.path, s.wrap(r.handle))
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, allowed := range methods {
		mux.Handle(path, s.wrap(methodNotAllowed(allowed...)))
	}
	// The paths without a final slash keep the mux from redirecting to those with one.
	for _, area := range []string{"/api", "/api/", "/.well-known", "/.well-known/"} {
		mux.Handle(area, s.wrap(notFound))
	}
	root := notFound
	if s.own != nil {
		mux.Handle(pagePath, s.wrap(s.ownPage))
		root = s.ownPage
	}
	if s.Web != nil {
		root = s.webFile
	}
	mux.Handle("/", s.wrap(root))
	return s.withLog(withSecurity(s.withCORS(withGzip(s.withoutRedirects(mux)))))
}

// route is how a request with a method and a path is answered.
type route struct {
	method, path string
	handle       handler
}

// routes returns all routes but the files of web pages.
func (s *service) routes() []route {
	return []route{
		{http.MethodPost, "/api/jobs/jdl", s.withBody(auth.Create, s.submit)},
		{http.MethodPost, "/api/jobs/search", s.withBody(auth.Query, s.search)},
		{http.MethodPost, "/api/jobs/summary", s.withBody(auth.Query, s.summary)},
		{http.MethodPatch, "/api/jobs/status", s.withBody(auth.Manage, s.setStatus)},
		{http.MethodPatch, "/api/jobs/heartbeat", s.withBody(auth.Pilot, s.heartbeat)},
		{http.MethodPatch, "/api/jobs/metadata", s.withBody(auth.Manage, s.setMetadata)},
		{http.MethodPost, "/api/jobs/reschedule", s.withBody(auth.Manage, s.reschedule)},
		{http.MethodGet, "/api/jobdb/jobs/{job_id}", s.authenticated(s.details)},
		{http.MethodPost, "/api/jobdb/facets", s.withBody(auth.Query, s.facets)},
		{http.MethodPost, "/api/jobdb/histogram", s.withBody(auth.Query, s.histogram)},
		{http.MethodPost, "/api/jobdb/series", s.withBody(auth.Query, s.series)},
		{http.MethodPost, "/api/jobdb/values", s.withBody(auth.Query, s.values)},
		{http.MethodGet, "/api/jobdb/changes", s.authenticatedUntil(s.changes)},
		{http.MethodPost, "/api/jobdb/actions", s.withBody(auth.Manage, s.startAction)},
		{http.MethodGet, "/api/jobdb/actions", s.authenticated(s.listActions)},
		{http.MethodGet, "/api/jobdb/actions/{action_id}", s.authenticated(s.action)},
		{http.MethodDelete, "/api/jobdb/actions/{action_id}", s.authenticated(s.stopAction)},
		{http.MethodGet, "/.well-known/openid-configuration", s.openIDConfiguration},
		{http.MethodGet, "/.well-known/jwks.json", s.jwks},
		{http.MethodGet, "/.well-known/dirac-metadata", s.diracMetadata},
		{http.MethodGet, "/api/auth/userinfo", s.authenticated(s.userInfo)},
		{http.MethodGet, "/api/auth/authorize", s.login(s.authorize)},
		{http.MethodPost, "/api/auth/device", s.login(deviceLogin)},
		{http.MethodPost, "/api/auth/token", s.login(s.giveTokens)},
		{http.MethodPost, "/api/auth/revoke", s.login(s.revoke)},
		{http.MethodGet, "/api/openapi.json", openAPI},
		{http.MethodGet, "/api/docs", docs},
		{http.MethodGet, "/api/health/live", live},
		{http.MethodGet, "/api/health/ready", s.ready},
		{http.MethodGet, "/api/health/startup", startup},
	}
}

// forBrowsers tells browsers to take an answer for what its Content-Type says, not to store it, to
// run no script of it, and not to show it in another page.
var forBrowsers = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Referrer-Policy":              {"no-referrer"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Cache-Control":                {"no-store"},
}

// withSecurity adds forBrowsers to each answer. Pages have policies of their own.
func withSecurity(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), forBrowsers)
		next.ServeHTTP(w, r)
	})
}

// withoutRedirects answers 404 to paths with // or .. in them, which the mux would redirect, in
// HTML.
func (s *service) withoutRedirects(mux http.Handler) http.Handler {
	missing := s.wrap(notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if clean := path.Clean(r.URL.Path); clean != r.URL.Path && clean+"/" != r.URL.Path {
			missing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// withCORS lets web pages of other origins use the service.
func (s *service) withCORS(next http.Handler) http.Handler {
	if len(s.Origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"*"}, // clients send their version in one of their own
		ExposedHeaders: []string{"Content-Range", "Retry-After", missingJobs, nextCursor, requestIDHeader},
		MaxAge:         600,
	}).Handler(next)
}

// handler answers a request, or returns an error, which [errorAnswer] turns into an answer.
type handler func(http.ResponseWriter, *http.Request) error

// wrap bounds the body and the time of a request, checks its query, and answers with the handler's error.
func (s *service) wrap(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRoute(r)
		r.Body = http.MaxBytesReader(w, r.Body, s.MaxBody)
		if len(r.TransferEncoding) > 0 { // there may have been a Content-Length, too, which net/http hides (RFC 9112, 6.1)
			w.Header().Set("Connection", "close")
		}
		if s.RequestTimeout > 0 && linesWanted(r) == "" && r.URL.Path != changesPath { // these last as long as they are read
			ctx, cancel := context.WithTimeout(r.Context(), s.RequestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		err := checkQuery(r)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			s.writeError(w, r, err)
		}
	})
}

// checkQuery refuses a query that can't be parsed as a whole: net/url would leave out the rest, as
// if it had not been asked for.
func checkQuery(r *http.Request) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		const message = `isn't well-formed: write NAME=VALUE, with & between them; % as %25, ; as %3B`
		return validation.Faults{{Type: "query_parsing", Location: validation.Location{"query"}, Message: message}}
	}
	return nil
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &httpError{status: http.StatusNotFound, detail: "Not Found"}
}

func methodNotAllowed(allowed ...string) handler {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead) // as the mux has it
	}
	slices.Sort(allowed)
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &httpError{status: http.StatusMethodNotAllowed, detail: "Method Not Allowed"}
	}
}

// Timeouts bound how long requests take.
type Timeouts struct {
	Answer   time.Duration // from the request to the end of its answer; 0: no limit
	Shutdown time.Duration // how long Serve waits for running requests once its context has ended
}

// Serve answers requests on the listener until ctx ends, then waits for those that run. Those that
// run longer than the shutdown timeout are cut off, which is an error. It always closes the
// listener.
func Serve(ctx context.Context, listener net.Listener, service http.Handler, logger *slog.Logger, timeouts Timeouts) error {
	running, cut := stoppable(context.WithValue(context.WithoutCancel(ctx), shutdownKey{}, ctx.Done())) // requests outlive ctx
	defer cut()
	server := &http.Server{
		Handler:           service,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      cmp.Or(timeouts.Answer, 24*time.Hour), // 0 wouldn't clear the deadline of the answer before
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return running },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		err := shutdown(running, server, timeouts.Shutdown)
		if errors.Is(err, context.DeadlineExceeded) {
			cut()
			err = fmt.Errorf("requests were still running after %v and were cut off", timeouts.Shutdown)
			_ = shutdown(context.WithoutCancel(running), server, 5*time.Second) // queries need a moment to end in the database, too
		}
		stopped <- err
	})
	err := server.Serve(listener)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-stopped
	}
	return err
}

// shutdown waits until all requests are answered, but no longer than the timeout.
func shutdown(ctx context.Context, server *http.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return server.Shutdown(ctx)
}
