package statuspage

import (
	"strconv"
	"strings"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// advice says what to do about the codes for which that is known. Settings stand in
// braces.
var advice = map[geelark.Code]string{
	geelark.CodeUnknown:         "It is asked again by itself. If it lasts, give the support the trace id.",
	geelark.CodeInternal:        "It is asked again by itself. If it lasts, give the support the trace id.",
	geelark.CodeTooManyRequests: "It is asked again by itself. If it lasts, lower {requests_per_minute}.",
	geelark.CodeRateLimited:     "It goes on by itself after a minute. If it comes back, slow down what else uses the account, or lower {requests_per_minute}.",
	geelark.CodeHourLimit:       "It goes on by itself after two hours. Slow down what else uses the account, or lower {requests_per_hour}.",
	geelark.CodeCrowded:         "It goes on by itself after a minute, or after up to ten while it comes back. Other programs call the API at the same time: lower {concurrency}.",
	geelark.CodePaidOnly:        "The account needs a paid plan for the API.",
	geelark.CodePlanExpired:     "Renew the account's plan.",
	geelark.CodeBalance:         "Add money to the account's wallet.",
	geelark.CodePermission:      "Give the account's API credentials the permission to read phones and billing.",
	geelark.CodeIPNotAllowed:    "Add this machine's public address to the account's allow list.",
	geelark.CodeRetired:         "The API has changed: look for a newer version of this exporter.",
	geelark.CodeNoResource:      "Check {base_url}. If it is right, the API has changed: look for a newer version of this exporter.",
	geelark.CodePhoneNotFound:   "It was deleted, or its id is mistyped.",
	geelark.CodePhoneExpired:    "Renew its subscription.",
}

// meanings are those of the outcomes that are not codes.
var meanings = map[string]string{
	string(geelark.ReasonTimeout):    "The API did not answer in time. Single ones are usual and are asked again by themselves. If it lasts, check the network or raise {timeout}.",
	string(geelark.ReasonCanceled):   "The request was given up.",
	string(geelark.ReasonDNS):        "The name of the API's host was not resolved. Check {base_url} and this machine's name servers.",
	string(geelark.ReasonTLS):        "No secure connection came about. Check {base_url}, this machine's clock and root certificates, and a proxy on the way that opens connections.",
	string(geelark.ReasonConnection): "The connection was refused or broken off. Check {base_url}, firewalls and the proxy in HTTPS_PROXY.",
	string(geelark.ReasonTooLarge):   "The answer is larger than any of this API. Check {base_url}: something else may be answering.",
	string(geelark.ReasonMalformed):  "The answer is not what the API documents. Check {base_url}: something else may be answering, or the API has changed.",
	watch.OutcomeNotSent:             "The request was not sent because the budget had no room for it in time. Raise {requests_per_minute} or {requests_per_hour}, or read less often.",
	watch.OutcomeCredentials:         "No request was sent because the credentials could not be read.",
	watch.OutcomeInterrupted:         "It was interrupted before GeeLark had answered. Nothing follows from that.",
	watch.OutcomeIDsFile:             "Correct the file that {phones.ids_file} names, as the message says. The phones before stay tracked.",
	watch.OutcomeOther:               "The calls did not succeed as a whole.",
}

// titles are the outcomes that are not codes in a few words.
var titles = map[string]string{
	string(geelark.ReasonTimeout):    "no answer in time",
	string(geelark.ReasonCanceled):   "given up",
	string(geelark.ReasonDNS):        "host not resolved",
	string(geelark.ReasonTLS):        "no secure connection",
	string(geelark.ReasonConnection): "no connection",
	string(geelark.ReasonTooLarge):   "answer too large",
	string(geelark.ReasonMalformed):  "answer not understood",
	watch.OutcomeNotSent:             "no room in the budget",
	watch.OutcomeCredentials:         "credentials cannot be read",
	watch.OutcomeIDsFile:             "ids file cannot be read",
	watch.OutcomeInterrupted:         "interrupted",
	watch.OutcomeOther:               "failed",
}

// briefly is an error in a few words.
func briefly(e watch.AccountError) string {
	if t, ok := titles[e.Outcome]; ok {
		return t
	}
	n, err := strconv.Atoi(e.Outcome)
	switch {
	case err != nil:
		return e.Outcome
	case e.IsCode:
		return geelark.Code(n).String()
	case n/100 == 3:
		return "redirected"
	case n == 429:
		return "too many requests"
	case n >= 500:
		return "API failed"
	}
	return "request refused"
}

// brief is briefly, with the outcome.
func brief(e watch.AccountError) string {
	if e.IsCode {
		return e.Outcome + " " + briefly(e)
	}
	if _, err := strconv.Atoi(e.Outcome); err == nil {
		return "HTTP status " + e.Outcome + ", " + briefly(e)
	}
	return briefly(e)
}

// sentence is s with a capital letter in front.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// meaningOf is what an error means and what to do about it.
func meaningOf(e watch.AccountError) string {
	if m, ok := meanings[e.Outcome]; ok {
		return m
	}
	n, err := strconv.Atoi(e.Outcome)
	switch {
	case err != nil:
		return ""
	case e.IsCode:
		return meaningOfCode(geelark.Code(n))
	case n/100 == 3:
		return "The API's address redirects, which is not followed. Correct {base_url}."
	case n == 429:
		return "Too many requests. It goes on by itself after a minute. If it comes back, lower {requests_per_minute}."
	case n >= 500:
		return "The API, or a gateway before it, failed. It is asked again by itself. If it lasts, give the support the trace id."
	}
	return "The API, or a gateway before it, refused the request. Check {base_url} and a proxy on the way."
}

func meaningOfCode(c geelark.Code) string {
	s := c.String()
	s = sentence(s) + "."
	if a := advice[c]; a != "" {
		s += " " + a
	}
	return s
}

// meaningOfFailure is what it means that the lookup of a phone failed.
func meaningOfFailure(f phones.Failure) string {
	switch f.Kind {
	case phones.Coded:
		return meaningOfCode(f.Code)
	case phones.Missing:
		return "The answer left the phone out. It is asked for again by itself."
	case phones.Malformed:
		return "The answer names the phone and does not tell its status. It is asked for again by itself."
	}
	return ""
}
