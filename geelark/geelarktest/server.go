// Package geelarktest simulates the GeeLark open API, for tests and for
// demonstrations.
//
// A [Server] is an [http.Handler] that answers as one account of the vendor's:
// envelopes, both authentications, limits, error codes, and a fleet of cloud
// phones that start, run, stop and expire as time passes, cost money and run
// tasks. Time, chance and network are handed in. It misbehaves on demand (see
// [Fault], [Trouble], [Listing], [Team]) and keeps the truth that its clients
// are held against (see [Server.Ledger], [Server.TaskEnds], [Server.Broken],
// [Server.MostIn]). A [Site] is several accounts at one address, [StartDemo]
// serves one account for people.
//
// It is a reading of the documents on its own: it shares only the result
// codes with the client, and neither the client's types nor its signing.
//
// From the vendor's documents are: paths, headers and signatures; the forms of
// all requests and answers and their bounds; the limits of 200 requests a
// minute and 24,000 an hour, ten a minute for pay/wallet and one for
// pay/plan/info, and what breaking them costs; the codes of answers, phones
// and tasks; that minutes are paid by time add-ons, gift money and balance in
// that order; that three days of charges and seven of tasks are shown; the
// ways to be charged. From the vendor's price list are the price of a minute
// and the daily cap. From public clients is that a phone reports to be started
// for some seconds after a stop was answered, that a start takes up to minutes,
// that a phone runs one task at a time, that paging is optional where it is
// documented as required, and that a charge is of few minutes.
//
// Where the documents disagree or say nothing, both readings can be had: what
// a broken minute's limit costs (Config.LockAtOnce), the envelope's code of a
// batch (Config.BatchCodes), the order of lists, entries that come late or
// twice, what a last id stands for, whether an end is meant to be included and
// what a total counts ([Listing]), whether the minutes of monthly phones are
// shown and when the day of the cap begins ([Usage]).
//
// Guessed are: that refused requests spend limits, and that a window begins
// anew when a block ends; that start refuses a phone that is shutting down
// with 43020, and that starting one that is on, or stopping one that is off,
// succeeds; how the filters of phone/list compare; that bonus minutes are
// spent first, that a started minute counts whole, and that the balance may
// end a little below nothing; what tasks cost in points; that an unknown last
// id is refused with 40004 and unknown tasks are left out of task/query; how
// often tasks fail, and by which code of a kind. No webhook events are sent.
package geelarktest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"geelark_exporter/geelark"
)

// Config says what a [Server] simulates. The zero value is an account that
// has no phones and refuses every credential.
type Config struct {
	// Phones is the size of the fleet at the start; below 1 it is empty.
	Phones int

	// Seed decides the fleet, its life and the faults' chances: the same
	// seed, clock and calls give the same answers.
	Seed uint64

	// Now is the clock of everything but injected latency; nil means
	// time.Now. It is called with the server's lock held, so it must not call
	// the server. Time never runs backwards in the server, whatever Now says.
	Now func() time.Time

	// Token is the secret of token mode; empty refuses token mode.
	Token string

	// AppID and APIKey are the secrets of key mode; either empty refuses key
	// mode.
	AppID  string
	APIKey string

	// Past is how long the account has been at work already when the server
	// begins, so that there is a history to read.
	Past time.Duration

	// Still stops the fleet from living by itself: a phone's status then
	// changes only through phone/start, phone/stop and the server's methods.
	Still bool

	// Calm has phones keep their status for days, their owner renew them, and
	// tasks run on phones that are on, as teams with a steady fleet work.
	// Otherwise phones come and go within hours, and a month that ends is not
	// renewed.
	Calm bool

	// Limits overrides the documented limits of single endpoints, which are
	// named as "phone/status" is; other names are ignored.
	Limits map[string]Limits

	// LockAtOnce has a broken minute's limit lock the endpoint for two hours
	// with 40014, as the vendor's command-line client says. Otherwise it is
	// 40007 until the next minute, as the error codes say.
	LockAtOnce bool

	// Usage says how the account is billed for its phones. The zero value
	// bills nothing.
	Usage Usage

	// TasksPerDay is how many tasks a phone has on average in a day; 0: there
	// are none, and a phone that is started may say that it runs one.
	TasksPerDay float64

	// BatchCodes has batches answered with 40006 when some of their phones
	// failed and with 40009 when all did, as the error codes say. Otherwise
	// it is 0, as the samples of phone/status, start and stop show.
	BatchCodes bool
}

// A Server is a simulated GeeLark account. Make one with [New]. All of its
// methods are safe for concurrent use.
type Server struct {
	still      bool
	batchCodes bool

	mu          sync.Mutex // guards everything below
	clock       func() time.Time
	last        time.Time // the latest time seen
	credentials credentials
	limiters    map[string]*limiter
	teams       map[string]*team
	record      record
	faults      faults
	fleet       *fleet
	listings    map[string]*giver
	billing     Billing
	callback    string
	startDay    int64 // of UTC, in which starts are counted
	starts      int
	traces      *rand.Rand // makes the traceId of a request that has none
}

// The streams of random numbers that come from one seed. A phone's own stream
// is numbered by its id, which is far above these.
const (
	streamFleet = iota
	streamTraces
	streamTasks
)

// New returns a server with the fleet that cfg describes. It starts no
// goroutine and needs no closing.
func New(cfg Config) *Server {
	s := &Server{
		still:       cfg.Still,
		batchCodes:  cfg.BatchCodes,
		clock:       cfg.Now,
		credentials: credentials{cfg.Token, cfg.AppID, cfg.APIKey},
		limiters:    newLimiters(cfg.Limits, cfg.LockAtOnce),
		teams:       map[string]*team{},
		record:      newRecord(),
		listings: map[string]*giver{
			"billing/transaction/detail": {given: map[uint64]int{}},
			"task/historyRecords":        {given: map[uint64]int{}},
		},
		traces: rand.New(rand.NewPCG(cfg.Seed, streamTraces)),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	born := s.now().Add(-max(cfg.Past, 0))
	u := newUsage(cfg.Usage, born)
	s.fleet = newFleet(cfg.Phones, cfg.Seed, born, s.now(), cfg.Still, cfg.Calm, u)
	s.billing = newBilling(s.fleet)
	if u != nil {
		u.broke = s.fleet.broke
		u.set(s.billing)
	}
	s.fleet.tasks = newTasks(s.fleet, cfg.TasksPerDay, cfg.Seed)
	return s
}

// advance brings the account up to the present.
func (s *Server) advance() { s.fleet.advance(s.now()) }

// SetCredentials replaces the account's secrets from the next request on, as
// a rotation does. An empty token refuses token mode; an empty appID or
// apiKey refuses key mode.
func (s *Server) SetCredentials(token, appID, apiKey string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = credentials{token, appID, apiKey}
}

// now returns the clock's time, or the latest time seen when the clock went
// backwards. The caller holds the lock, as for all unexported methods that
// do not take it.
func (s *Server) now() time.Time {
	if t := s.clock(); t.After(s.last) {
		s.last = t
	}
	return s.last
}

// A handler answers one endpoint: its data, or a code other than CodeOK. It
// is called with the lock held and the fleet brought up to date.
type handler func(s *Server, body []byte, f Fault) (any, geelark.Code)

var handlers = map[string]handler{
	"auth/status":       (*Server).authStatus,
	"phone/status":      (*Server).phoneStatus,
	"phone/list":        (*Server).phoneList,
	"phone/start":       (*Server).phoneStart,
	"phone/stop":        (*Server).phoneStop,
	"group/list":        (*Server).groupList,
	"tag/list":          (*Server).tagList,
	"proxy/list":        (*Server).proxyList,
	"pay/wallet":        (*Server).wallet,
	"pay/plan/info":     (*Server).planInfo,
	"pay/profiles/list": (*Server).planList,

	"billing/transaction/detail": (*Server).transactions,
	"task/historyRecords":        (*Server).taskHistory,
	"task/query":                 (*Server).taskQuery,

	"callback/set": (*Server).callbackSet,
	"callback/get": (*Server).callbackGet,
}

const (
	prefix = "/open/v1/"

	// maxBody bounds a request. No documented request comes near it.
	maxBody = 1 << 20
)

// An envelope is the outside of every answer ("Request Instructions",
// Response Object Fields).
type envelope struct {
	TraceID string `json:"traceId"`
	Code    int    `json:"code"`
	Msg     string `json:"msg"`
	Data    any    `json:"data"`
}

// answer handles one request. An error stands for no answer at all: the
// connection was dropped, or the request's context ended first.
func (s *Server) answer(ctx context.Context, method, path string, header http.Header, body io.Reader) (Reply, error) {
	raw, readable := readBody(body)
	endpoint, documented := api(path)
	handle := handlers[endpoint]
	seen := endpoint // what the request is recorded as
	if !documented || seen == "" {
		seen = cmp.Or(path, "/") // never "", which stands for all
	}
	// The vendor documents POST for every call and nothing about other
	// methods; to the simulator they are resources that do not exist.
	if method != http.MethodPost {
		handle = nil
	}

	s.mu.Lock()
	now := s.now()
	s.record.request(seen, now)
	code := s.admit(endpoint, handle != nil, header, now)
	fault := s.faults.match(endpoint)
	s.mu.Unlock()

	if fault.Before != nil {
		fault.Before(endpoint)
	}
	if err := fault.delay(ctx); err != nil {
		return Reply{}, err
	}
	if fault.Drop {
		return Reply{}, errDropped
	}
	if fault.HTTPStatus != 0 || fault.Body != nil {
		return fault.finish(fault.raw(), now), nil
	}

	if code == geelark.CodeOK && !readable {
		code = geelark.CodeBody
	}
	e := s.envelope(seen, handle, code, header.Get("traceId"), raw, fault)
	text, err := json.Marshal(e)
	if err != nil {
		return Reply{}, err
	}
	return fault.finish(Reply{http.StatusOK, contentType("application/json"), text, 0}, now), nil
}

// admit decides whether a request may be handled. Requests that the account
// cannot be told from do not spend its limits.
func (s *Server) admit(endpoint string, known bool, header http.Header, now time.Time) geelark.Code {
	switch {
	case !known:
		return geelark.CodeNoResource
	case header.Get("traceId") == "":
		return geelark.CodeNoTraceID
	case !s.credentials.accept(header):
		return geelark.CodeSignature
	}
	s.teamsUntil(endpoint, now)
	return s.take(endpoint, now, false)
}

// take spends one request of an endpoint's limits.
func (s *Server) take(endpoint string, now time.Time, team bool) geelark.Code {
	code, breach := s.limiters[endpoint].take(now)
	if breach.Count > 0 {
		breach.Endpoint, breach.ByTeam = endpoint, team
		s.record.broken = append(s.record.broken, breach)
	}
	return code
}

func (s *Server) envelope(endpoint string, handle handler, code geelark.Code, traceID string, body []byte, f Fault) envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()

	var data any
	var msg string
	if code == geelark.CodeOK && (f.Code == geelark.CodeOK || f.WithData) {
		data, code = handle(s, body, f)
	}
	switch {
	case code == geelark.CodeOK:
		code, msg = f.Code, f.Message
	case code != geelark.CodePartial && code != geelark.CodeBatchFailed:
		data = nil
	}
	if traceID == "" {
		traceID = upperHex(s.traces.Uint64(), s.traces.Uint64())
	}
	s.record.answer(endpoint, code)
	return envelope{traceID, int(code), cmp.Or(msg, messages.of(code)), data}
}

// messages holds the texts of the codes that the simulator answers by itself.
var messages = texts{
	geelark.CodeOK:                 "success",
	geelark.CodeBody:               "request body unreadable",
	geelark.CodeNoTraceID:          "traceId is empty",
	geelark.CodeSignature:          "signature or token refused",
	geelark.CodeParameter:          "invalid parameter",
	geelark.CodeNoResource:         "no such resource",
	geelark.CodeRateLimited:        "rate limited until the next minute",
	geelark.CodePage:               "invalid page or pageSize",
	geelark.CodeHourLimit:          "hourly limit exceeded, locked for two hours",
	geelark.CodePhoneNotFound:      "env not found",
	geelark.CodePhoneExpired:       "env is expired",
	geelark.CodeCallbackNotDefined: "no callback url",
	geelark.CodePartial:            "partial success",
	geelark.CodeBatchFailed:        "process all failure",
	geelark.CodePhoneBusy:          "env is executing a task",
	geelark.CodeBalance:            "balance not enough",
	geelark.CodeCrowded:            "no free device",
	codeProxyUnavailable:           "proxy is unavailable",
	codeDailyStarts:                "daily open limit reached",
	codeUnavailable:                "env is currently unavailable",
	codeTagNotFound:                "tag not found",
	codeTagNoColor:                 "tag color not found",
	codeTagNoName:                  "tag name not found",
	codeGroupNotFound:              "group not found",
	codeGroupNoName:                "group name not found",
	codeGroupNoRemark:              "group remark not found",
}

type texts map[geelark.Code]string

func (t texts) of(code geelark.Code) string { return cmp.Or(t[code], "failed") }

// readBody returns the body, and whether it could be read whole. No body at
// all is taken for an empty object, because the vendor's own samples for the
// endpoints without parameters send none.
func readBody(body io.Reader) ([]byte, bool) {
	if body == nil {
		return []byte("{}"), true
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if len(raw) == 0 && err == nil {
		return []byte("{}"), true
	}
	return raw, err == nil && len(raw) <= maxBody
}

// decode reads a request's parameters. JSON that is broken or no object is an
// unreadable body; a parameter of the wrong type is an invalid parameter.
func decode(body []byte, into any) geelark.Code {
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return geelark.CodeParameter
	}
	if err != nil {
		return geelark.CodeBody
	}
	return geelark.CodeOK
}
