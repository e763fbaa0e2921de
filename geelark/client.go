// Package geelark is a client of the [GeeLark open API] for cloud phones, made
// for readers that share an account with other programs: it holds the
// documented limits in every sliding window, stops at once when the API says
// so, and never decodes personal data or proxy credentials.
//
// What can be read of an answer is used: one odd detail costs one phone, and
// what an answer leaves out is absent rather than zero.
//
// A call goes through a chain of small handlers, put together in [New]:
// retry, budget, observer, envelope, transport. The package knows nothing of
// metrics and writes no logs; [WithObserver] shows every request to whoever
// counts.
//
// [GeeLark open API]: https://doc.geelark.com/web/#/602813392
package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// DefaultBaseURL is the address of the vendor's API (document "Request
// Instructions").
const DefaultBaseURL = "https://openapi.geelark.com"

// apiPath is where the API is below its address.
const apiPath = "open/v1"

const (
	defaultUserAgent = "geelark_exporter"
	defaultTimeout   = 5 * time.Second
	defaultRetries   = 2

	// A full page of 100 phones is about 100 KiB; anything near this is not an
	// answer of this API.
	maxAnswerBytes = 4 << 20
)

// An Endpoint is one API: its path below /open/v1/. Limits apply to each on
// its own.
type Endpoint string

// The endpoints that this package calls. All of them only read.
const (
	EndpointPhoneStatus Endpoint = "phone/status"
	EndpointPhoneList   Endpoint = "phone/list"
	EndpointWallet      Endpoint = "pay/wallet"
	EndpointPlanInfo    Endpoint = "pay/plan/info"

	EndpointTransactions Endpoint = "billing/transaction/detail"
	EndpointTaskHistory  Endpoint = "task/historyRecords"
	EndpointTaskQuery    Endpoint = "task/query"
)

// Endpoints returns every endpoint that a [Client] can call.
func Endpoints() []Endpoint {
	return []Endpoint{
		EndpointPlanInfo, EndpointWallet, EndpointPhoneList, EndpointPhoneStatus,
		EndpointTransactions, EndpointTaskHistory, EndpointTaskQuery,
	}
}

// A Client calls the API for one account. It is safe for concurrent use.
type Client struct {
	baseURL    *url.URL
	transport  http.RoundTripper
	timeout    time.Duration
	userAgent  string
	retries    int
	now        func() time.Time
	newTraceID func() string
	jitter     func() float64
	observe    func(Request)
	// A method value, so that a client that is printed shows no credentials:
	// fmt does not ask unexported fields how they print.
	credentials func(context.Context) (Credentials, error)
	fixed       bool // credentials never wait and never change
	budgets     BudgetSource
	current     atomic.Pointer[Budgets] // of the credentials last read; nil: none yet

	chain handler
	// The answers of phone/list hold personal data and proxy credentials, those about
	// tasks the names that people gave them, which stay in a connection's buffers:
	// these have connections of their own, which [Client.CloseIdleConnections] gets
	// rid of whatever else is in flight.
	listTransport http.RoundTripper
}

// An Option configures a [Client].
type Option func(*Client) error

// WithBaseURL sets the address of the API, as [ParseBaseURL] takes it. The default
// is [DefaultBaseURL].
func WithBaseURL(s string) Option {
	return func(c *Client) error {
		u, err := ParseBaseURL(s)
		c.baseURL = u
		return err
	}
}

// ParseBaseURL checks an address of the API: http or https, a host, no user
// information, no query. It may end with the /open/v1 that the vendor's SDKs
// write. Addresses that mean the same are returned as the same.
func ParseBaseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		// url.Error would repeat the address, and with it a password in it.
		return nil, errors.New("the API's address cannot be parsed; it must look like " + DefaultBaseURL)
	case u.User != nil:
		return nil, errors.New("the API's address must not hold credentials")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		// Without repeating it: "user:password@host" parses as a scheme.
		return nil, errors.New("the API's address must look like " + DefaultBaseURL)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the API's address must not have a query or a fragment")
	}
	u.Host = strings.ToLower(u.Host)
	u.Host = strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	u.Host = strings.TrimSuffix(u.Host, ":")
	path := strings.TrimRight(u.EscapedPath(), "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/"+apiPath), "/")
	u.RawPath, u.ForceQuery = path, false
	u.Path, _ = url.PathUnescape(path) // what EscapedPath returns is well-formed
	return u, nil
}

// WithTransport sets what carries the requests. The default is Go's own
// transport, which honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *Client) error { c.transport = rt; return nil }
}

// WithTimeout bounds each single request, the reading of its answer included.
// The default is 5 s.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) error {
		if d <= 0 {
			return fmt.Errorf("the timeout must be above zero, is %s", d)
		}
		c.timeout = d
		return nil
	}
}

// WithUserAgent sets the User-Agent header.
func WithUserAgent(s string) Option {
	return func(c *Client) error { c.userAgent = s; return nil }
}

// WithRetries sets how often a call that failed and may be repeated is
// repeated, at the most. The default is 2.
func WithRetries(n int) Option {
	return func(c *Client) error { c.retries = max(n, 0); return nil }
}

// WithObserver sets a function that is told of every request once it is
// answered or has failed. It is called by several goroutines at once and must
// not block.
func WithObserver(f func(Request)) Option {
	return func(c *Client) error { c.observe = f; return nil }
}

// WithClock sets the clock that the budget, the pauses and the signatures go
// by. The default is [time.Now]; contexts' deadlines are compared with it.
func WithClock(now func() time.Time) Option {
	return func(c *Client) error { c.now = now; return nil }
}

// WithRandom sets where trace ids (version 4 UUIDs) and the jitter of the
// backoff, in [0, 1), come from. Both are called by several goroutines at once.
func WithRandom(traceID func() string, jitter func() float64) Option {
	return func(c *Client) error { c.newTraceID, c.jitter = traceID, jitter; return nil }
}

// New returns a client that asks credentials before every request and spends
// from the budgets of what it has read.
func New(credentials CredentialSource, budgets BudgetSource, options ...Option) (*Client, error) {
	_, fixed := credentials.(Credentials)
	c := &Client{
		timeout:     defaultTimeout,
		userAgent:   defaultUserAgent,
		retries:     defaultRetries,
		now:         time.Now,
		newTraceID:  uuid.NewString,
		jitter:      rand.Float64,
		observe:     func(Request) {},
		credentials: credentials.Credentials,
		fixed:       fixed,
		budgets:     budgets,
	}
	for _, o := range append([]Option{WithBaseURL(DefaultBaseURL)}, options...) {
		if err := o(c); err != nil {
			return nil, err
		}
	}
	if c.transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.OnProxyConnectResponse = refusedByProxy
		c.transport = t
	}
	c.listTransport = c.transport
	if t, ok := c.transport.(*http.Transport); ok {
		c.listTransport = t.Clone()
	}

	// From the inside out: a retry spends from the budget like a first try, the
	// budget learns of pauses from the envelope, and the observer sees each
	// request with the envelope's code.
	var h handler = &transportHandler{client: c}
	h = &envelopeHandler{next: h}
	h = &observeHandler{next: h, observe: c.observe}
	h = &budgetHandler{next: h, client: c}
	h = &retryHandler{next: h, retries: c.retries, jitter: c.jitter, now: c.now}
	c.chain = h
	return c, nil
}

// CloseIdleConnections closes connections that are kept for later requests.
func (c *Client) CloseIdleConnections() {
	for _, rt := range []http.RoundTripper{c.transport, c.listTransport} {
		if t, ok := rt.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// Budget returns what the client may send to an endpoint now, by the credentials
// that it has last read.
func (c *Client) Budget(e Endpoint) Budget { return c.spending().Of(e) }

// ReadCredentials makes [Client.Budget] and reservations go by the credentials
// that are in force now. Every call does so too, but while those read before are
// paused there may be no call. Its error is a [*CredentialsError].
func (c *Client) ReadCredentials(ctx context.Context) error {
	credentials, err := c.credentials(ctx)
	if err != nil {
		return &CredentialsError{Err: err}
	}
	c.current.Store(c.budgets.BudgetsOf(credentials))
	return nil
}

// spending returns the budgets of the credentials last read.
func (c *Client) spending() *Budgets {
	if b := c.current.Load(); b != nil {
		return b
	}
	var known Credentials
	if c.fixed {
		known, _ = c.credentials(context.Background())
	}
	return c.budgets.BudgetsOf(known)
}

// call sends params to an endpoint and decodes the answer's data into out. It
// returns when the answered request was sent.
func (c *Client) call(ctx context.Context, e Endpoint, r *Reservation, params any, out answerData) (time.Time, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: encoding the request: %w", e, err)
	}
	cl := &call{endpoint: e, body: body, out: out, reserved: r}
	if err := c.chain.do(ctx, cl); err != nil {
		return time.Time{}, err
	}
	return cl.sent, nil
}
