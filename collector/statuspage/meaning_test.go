package statuspage

import (
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector"
	"geelark_exporter/geelark"
)

func TestEveryErrorHasAMeaning(t *testing.T) {
	for name, tt := range map[string]struct {
		e    collector.AccountError
		want string
	}{
		"a refused token":             {collector.AccountError{Outcome: "40003", IsCode: true}, "Signature or token refused. Check the account's token"},
		"a code without advice":       {collector.AccountError{Outcome: "40001", IsCode: true}, "Request body could not be read."},
		"a code nobody documented":    {collector.AccountError{Outcome: "49999", IsCode: true}, "Undocumented code."},
		"a negative code":             {collector.AccountError{Outcome: "-1", IsCode: true}, "Undocumented code."},
		"a code like an HTTP status":  {collector.AccountError{Outcome: "502", IsCode: true}, "Undocumented code."},
		"a gateway that fails":        {collector.AccountError{Outcome: "502"}, "a gateway before it, failed"},
		"a gateway that refuses":      {collector.AccountError{Outcome: "403"}, "a gateway before it, refused"},
		"a redirection":               {collector.AccountError{Outcome: "308"}, "Correct base_url"},
		"too many requests over HTTP": {collector.AccountError{Outcome: "429"}, "Too many requests"},
		"a timeout":                   {collector.AccountError{Outcome: string(geelark.ReasonTimeout)}, "did not answer in time"},
		"given up":                    {collector.AccountError{Outcome: string(geelark.ReasonCanceled)}, "given up"},
		"no name":                     {collector.AccountError{Outcome: string(geelark.ReasonDNS)}, "was not resolved"},
		"no secure connection":        {collector.AccountError{Outcome: string(geelark.ReasonTLS)}, "root certificates"},
		"no connection":               {collector.AccountError{Outcome: string(geelark.ReasonConnection)}, "firewalls"},
		"a large answer":              {collector.AccountError{Outcome: string(geelark.ReasonTooLarge)}, "larger than any"},
		"a strange answer":            {collector.AccountError{Outcome: string(geelark.ReasonMalformed)}, "not what the API documents"},
		"a spent budget":              {collector.AccountError{Outcome: collector.OutcomeNotSent}, "budget had no room"},
		"no credentials":              {collector.AccountError{Outcome: collector.OutcomeCredentials}, "could not be read"},
		"anything else":               {collector.AccountError{Outcome: collector.OutcomeOther}, "did not succeed"},
	} {
		if got := meaningOf(tt.e); !strings.Contains(got, tt.want) || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q, want a sentence with %q", name, got, tt.want)
		}
	}
	for code, want := range map[string]string{
		"42001":                  "Phone does not exist.",
		"43004":                  "Phone expired. Renew",
		"1":                      "Undocumented code.",
		collector.FailureMissing: "left the phone out",
	} {
		if got := meaningOfFailure(code); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", code, got, want)
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
