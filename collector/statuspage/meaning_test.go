package statuspage

import (
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

func TestEveryErrorHasAMeaning(t *testing.T) {
	for name, tt := range map[string]struct {
		e    watch.AccountError
		want string
	}{
		"a refused token":             {watch.AccountError{Outcome: "40003", IsCode: true}, "Signature or token refused."},
		"a code without advice":       {watch.AccountError{Outcome: "40001", IsCode: true}, "Request body could not be read."},
		"a code nobody documented":    {watch.AccountError{Outcome: "49999", IsCode: true}, "Undocumented code."},
		"a negative code":             {watch.AccountError{Outcome: "-1", IsCode: true}, "Undocumented code."},
		"a code like an HTTP status":  {watch.AccountError{Outcome: "502", IsCode: true}, "Undocumented code."},
		"a gateway that fails":        {watch.AccountError{Outcome: "502"}, "a gateway before it, failed"},
		"a gateway that refuses":      {watch.AccountError{Outcome: "403"}, "a gateway before it, refused"},
		"a redirection":               {watch.AccountError{Outcome: "308"}, "Correct {base_url}"},
		"too many requests over HTTP": {watch.AccountError{Outcome: "429"}, "Too many requests"},
		"a timeout":                   {watch.AccountError{Outcome: string(geelark.ReasonTimeout)}, "did not answer in time"},
		"given up":                    {watch.AccountError{Outcome: string(geelark.ReasonCanceled)}, "given up"},
		"no name":                     {watch.AccountError{Outcome: string(geelark.ReasonDNS)}, "was not resolved"},
		"no secure connection":        {watch.AccountError{Outcome: string(geelark.ReasonTLS)}, "root certificates"},
		"no connection":               {watch.AccountError{Outcome: string(geelark.ReasonConnection)}, "firewalls"},
		"a large answer":              {watch.AccountError{Outcome: string(geelark.ReasonTooLarge)}, "larger than any"},
		"a strange answer":            {watch.AccountError{Outcome: string(geelark.ReasonMalformed)}, "not what the API documents"},
		"a spent budget":              {watch.AccountError{Outcome: watch.OutcomeNotSent}, "budget had no room"},
		"an ids file":                 {watch.AccountError{Outcome: watch.OutcomeIDsFile}, "Correct the file"},
		"no credentials":              {watch.AccountError{Outcome: watch.OutcomeCredentials}, "could not be read"},
		"anything else":               {watch.AccountError{Outcome: watch.OutcomeOther}, "did not succeed"},
	} {
		if got := meaningOf(tt.e); !strings.Contains(got, tt.want) || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q, want a sentence with %q", name, got, tt.want)
		}
	}
	for f, want := range map[phones.Failure]string{
		phones.FailedWith(42001): "Phone does not exist.",
		phones.FailedWith(43004): "Phone expired. Renew",
		phones.FailedWith(1):     "Undocumented code.",
		{Kind: phones.Missing}:   "left the phone out",
		{Kind: phones.Malformed}: "does not tell its status",
	} {
		if got := meaningOfFailure(f); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", f, got, want)
		}
	}
}

func TestSpansHaveTwoUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                 "0 s",
		999 * time.Millisecond:            "0 s",
		59 * time.Second:                  "59 s",
		time.Minute:                       "1 min",
		61 * time.Second:                  "1 min 1 s",
		time.Hour + 59*time.Second:        "1 h",
		2*time.Hour - time.Second:         "1 h 59 min",
		47 * time.Hour:                    "1 d 23 h",
		400*24*time.Hour + 59*time.Minute: "400 d",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestMomentsBeforeAndAfterNow(t *testing.T) {
	now := time.Date(2000, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for d, want := range map[time.Duration]string{
		-time.Minute:           "1 min ago",
		0:                      "0 s ago",
		500 * time.Millisecond: "0 s ago",
		time.Second:            "in 1 s",
	} {
		if got := momentAt(now.Add(d), now); got.Age != want || !strings.HasSuffix(got.UTC, " UTC") || !strings.HasPrefix(got.Machine, "2000-01-02T02:0") {
			t.Errorf("%s: %+v, want %q", d, got, want)
		}
	}
	if got := momentAt(time.Time{}, now); got != (moment{}) {
		t.Errorf("no time is %+v", got)
	}
}

func TestCountsAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
