package geelark

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotSent is what errors.Is finds in the error of a call that was not sent
// because the budget has no room before the caller's deadline or because the
// endpoint is paused: the error is a [*LimitError]. It is there too, beside the
// context's error, when the caller gave up while the call waited.
var ErrNotSent = errors.New("not sent")

// A Reason is why a request got no usable answer.
type Reason string

// The reasons of a [TransportError].
const (
	ReasonTimeout    Reason = "timeout"    // no answer within the time limit
	ReasonCanceled   Reason = "canceled"   // the caller gave up
	ReasonDNS        Reason = "dns"        // the host's name was not resolved
	ReasonTLS        Reason = "tls"        // no secure connection: certificate or protocol
	ReasonConnection Reason = "connection" // refused, reset or closed too early
	ReasonTooLarge   Reason = "too_large"  // the answer is larger than any of this API
	ReasonMalformed  Reason = "malformed"  // the answer is not what is documented
)

// A TransportError is a request without a usable answer.
type TransportError struct {
	Endpoint Endpoint
	Reason   Reason
	TraceID  string // the request's, or the answer's; the vendor's support asks for it
	// Err says more, in words of this package and of the operating system: what
	// a server, a proxy or a name server sends does not reach an error's text.
	Err error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("%s: %s: %v (trace id %s)", e.Endpoint, e.Reason, e.Err, e.TraceID)
}

// Unwrap returns Err.
func (e *TransportError) Unwrap() error { return e.Err }

// An HTTPError is an answer with another HTTP status than the 200 that the API
// gives to every call it understood.
type HTTPError struct {
	Endpoint   Endpoint
	StatusCode int
	TraceID    string // the request's
	// RetryAfter is how long a 429 or a 503 asked to wait, 0 when it did not.
	RetryAfter time.Duration
}

func (e *HTTPError) Error() string {
	what := ""
	if e.StatusCode/100 == 3 {
		what = ", redirects are not followed: correct the API's address"
	}
	return fmt.Sprintf("%s: HTTP status %d%s (trace id %s)", e.Endpoint, e.StatusCode, what, e.TraceID)
}

// An APIError is an answer whose code says that the call failed. errors.Is
// finds its [Code] in it.
type APIError struct {
	Endpoint Endpoint
	Code     Code
	Message  string // the vendor's, perhaps in Chinese; printable, without secrets, of 200 bytes at most
	TraceID  string // which the vendor's support asks for; printable, of 64 bytes at most
	AppID    string // in key mode; the support asks for it too
}

func (e *APIError) Error() string {
	s := fmt.Sprintf("%s: code %v, message %q (trace id %s", e.Endpoint, e.Code, e.Message, e.TraceID)
	if e.AppID != "" {
		s += ", app id " + e.AppID
	}
	return s + ")"
}

// Unwrap returns the code.
func (e *APIError) Unwrap() error { return e.Code }

// A LimitError is a call that was not sent.
type LimitError struct {
	Endpoint Endpoint
	// Until is the earliest time at which it could have been sent.
	Until time.Time
	// Pause is the code that paused the endpoint: [CodeRateLimited],
	// [CodeHourLimit] or [CodeCrowded]. When it is CodeOK, PauseStatus is the HTTP
	// status that did, 429 or 503. When that is 0 too, there is no pause: the
	// budget is spent.
	Pause       Code
	PauseStatus int
}

// Paused reports whether the call was held back by a pause.
func (e *LimitError) Paused() bool { return e.Pause != CodeOK || e.PauseStatus != 0 }

func (e *LimitError) Error() string {
	until := e.Until.UTC().Format(time.RFC3339)
	switch {
	case e.Pause != CodeOK:
		return fmt.Sprintf("%s: not sent: paused until %s after code %v", e.Endpoint, until, e.Pause)
	case e.PauseStatus != 0:
		return fmt.Sprintf("%s: not sent: paused until %s after HTTP status %d", e.Endpoint, until, e.PauseStatus)
	}
	return fmt.Sprintf("%s: not sent: the request budget is spent until %s at least", e.Endpoint, until)
}

// Is reports whether target is [ErrNotSent].
func (e *LimitError) Is(target error) bool { return target == ErrNotSent }

// A CredentialsError is a call that was not sent for want of credentials.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return "reading the credentials: " + e.Err.Error() }

// Unwrap returns the source's error.
func (e *CredentialsError) Unwrap() error { return e.Err }
