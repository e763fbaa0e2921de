package geelark

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"
)

// codes has every documented code, and what the client does when it meets it.
var codes = []struct {
	code     Code
	meaning  string
	repeated bool
	pause    time.Duration
}{
	{CodeOK, "success", false, 0},
	{CodeUnknown, "unknown error", true, 0},
	{CodeBody, "request body could not be read", false, 0},
	{CodeNoTraceID, "trace id is empty", false, 0},
	{CodeSignature, "signature or token refused", false, 0},
	{CodeParameter, "parameter not valid", false, 0},
	{CodeNoResource, "resource does not exist", false, 0},
	{CodePartial, "part of the batch succeeded", false, 0},
	{CodeRateLimited, "rate limited until the next minute", false, time.Minute},
	{CodePage, "page not valid", false, 0},
	{CodeBatchFailed, "whole batch failed", false, 0},
	{CodePaidOnly, "for paid accounts only", false, 0},
	{CodeRetired, "API retired", false, 0},
	{CodeUserNotFound, "user does not exist", false, 0},
	{CodeHourLimit, "hourly limit broken, locked for two hours", false, 2 * time.Hour},
	{CodePermission, "permission missing", false, 0},
	{CodeIPNotAllowed, "address not on the allow list", false, 0},
	{CodeTooManyRequests, "too many requests", true, 0},
	{CodeBalance, "balance too low", false, 0},
	{CodePhoneNotFound, "phone does not exist", false, 0},
	{CodePhoneExpired, "phone expired", false, 0},
	{CodePhoneBusy, "phone is executing a task", false, 0},
	{CodePhoneRemote, "phone is under remote control", false, 0},
	{CodeStartCap, "starts of the day used up", false, 0},
	{CodePhoneUnavailable, "phone is not available now", false, 0},
	{CodeStartRefused43029, "phone could not be started", false, 0},
	{CodePhoneProxy, "phone's proxy is not available", false, 0},
	{CodePlanExpired, "plan expired", false, 0},
	{CodePlanLimit46002, "over a limit of the plan", false, 0},
	{CodePlanLimit46003, "over a limit of the plan", false, 0},
	{CodeStartRefused47001, "phone could not be started", false, 0},
	{CodeCrowded, "too many calls at a time, or no free device", false, time.Minute},
	{CodeStartRefused47004, "phone could not be started", false, 0},
	{CodeInternal, "internal server error", true, 0},
	{CodeCallbackNotDefined, "no callback URL is set", false, 0},
	{49999, "undocumented code", false, 0},
	{-1, "undocumented code", false, 0},
}

func TestCodeTellsItsNumberAndMeaning(t *testing.T) {
	for _, c := range codes {
		if got := c.code.String(); got != c.meaning {
			t.Errorf("code %d is %q, want %q", int(c.code), got, c.meaning)
		}
	}
	if got, want := CodeHourLimit.Error(), "40014: hourly limit broken, locked for two hours"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDocumentedCodesAreTold(t *testing.T) {
	var want []Code
	for _, c := range codes {
		if c.meaning != "undocumented code" {
			want = append(want, c.code)
		}
		if got := c.code.Documented(); got != (c.meaning != "undocumented code") {
			t.Errorf("code %d: documented is %t", int(c.code), got)
		}
	}
	slices.Sort(want)
	if got := Codes(); !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
	for c := range Code(60000) {
		if c.Documented() != (c.String() != "undocumented code") {
			t.Errorf("code %d has a meaning and is not among the documented ones, or the reverse", int(c))
		}
	}
}

func TestCodesHaveTheNumbersOfTheDocuments(t *testing.T) {
	want := []Code{
		0, 40000, 40001, 40002, 40003, 40004, 40005, 40006, 40007, 40008, 40009, 40011, 40012, 40013, 40014, 40015, 40016, 40017,
		41001, 42001, 43004, 43005, 43006, 43008, 43020, 43029, 45002, 46001, 46002, 46003, 47001, 47002, 47004, 50000, 51001,
	}
	if got := Codes(); !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestErrorTellsWhatSupportAsksFor(t *testing.T) {
	until := time.Date(2026, 5, 4, 3, 2, 1, 0, time.FixedZone("CST", 8*3600))
	for _, test := range []struct {
		err  error
		want string
	}{
		{
			&APIError{Endpoint: EndpointPhoneStatus, Code: CodeSignature, Message: "签名错误", TraceID: "t", AppID: "a"},
			`phone/status: code 40003: signature or token refused, message "签名错误" (trace id t, app id a)`,
		},
		{
			&APIError{Endpoint: EndpointPhoneList, Code: 49999, TraceID: "t"},
			`phone/list: code 49999: undocumented code, message "" (trace id t)`,
		},
		{
			&HTTPError{Endpoint: EndpointPhoneList, StatusCode: 502, TraceID: "t"},
			`phone/list: HTTP status 502 (trace id t)`,
		},
		{
			&HTTPError{Endpoint: EndpointPhoneList, StatusCode: 308, TraceID: "t"},
			`phone/list: HTTP status 308, redirects are not followed: correct the API's address (trace id t)`,
		},
		{
			&HTTPError{Endpoint: EndpointPhoneList, StatusCode: 299, TraceID: "t"},
			`phone/list: HTTP status 299 (trace id t)`,
		},
		{
			&HTTPError{Endpoint: EndpointPhoneList, StatusCode: 399, TraceID: "t"},
			`phone/list: HTTP status 399, redirects are not followed: correct the API's address (trace id t)`,
		},
		{
			&TransportError{Endpoint: EndpointPhoneStatus, Reason: ReasonDNS, TraceID: "t", Err: errors.New("no such host")},
			`phone/status: dns: no such host (trace id t)`,
		},
		{
			&LimitError{Endpoint: EndpointPhoneStatus, Until: until},
			`phone/status: not sent: the request budget is spent until 2026-05-03T19:02:01Z at least`,
		},
		{
			&LimitError{Endpoint: EndpointPhoneStatus, Until: until, Pause: CodeHourLimit},
			`phone/status: not sent: paused until 2026-05-03T19:02:01Z after code 40014: hourly limit broken, locked for two hours`,
		},
		{
			&LimitError{Endpoint: EndpointPhoneStatus, Until: until, PauseStatus: 503},
			`phone/status: not sent: paused until 2026-05-03T19:02:01Z after HTTP status 503`,
		},
		{
			&CredentialsError{Err: errors.New("file is empty")},
			`reading the credentials: file is empty`,
		},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestACallIsHeldBackByAPauseOrByASpentBudget(t *testing.T) {
	for name, test := range map[string]struct {
		err    LimitError
		paused bool
	}{
		"a spent budget":             {LimitError{}, false},
		"a pause for a code":         {LimitError{Pause: CodeHourLimit}, true},
		"a pause for an HTTP status": {LimitError{PauseStatus: http.StatusTooManyRequests}, true},
	} {
		if got := test.err.Paused(); got != test.paused {
			t.Errorf("%s: paused is %t", name, got)
		}
	}
}

func TestErrorCanBeAskedForWhatItWraps(t *testing.T) {
	cause := errors.New("cause")
	for name, test := range map[string]struct {
		err, target error
		want        bool
	}{
		"transport error for its cause":      {&TransportError{Err: cause}, cause, true},
		"credentials error for its cause":    {&CredentialsError{Err: cause}, cause, true},
		"API error for its code":             {&APIError{Code: CodeBalance}, CodeBalance, true},
		"API error for another code":         {&APIError{Code: CodeBalance}, CodeSignature, false},
		"API error for an undocumented code": {&APIError{Code: 49999}, Code(49999), true},
		"limit error for not sent":           {&LimitError{}, ErrNotSent, true},
		"limit error for something else":     {&LimitError{}, cause, false},
		"paused limit error for its code":    {&LimitError{Pause: CodeHourLimit}, CodeHourLimit, false},
	} {
		if got := errors.Is(test.err, test.target); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
