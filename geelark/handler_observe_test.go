package geelark

import (
	"errors"
	"net"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func TestObserverIsToldOfEachRequestThatWasSent(t *testing.T) {
	var noCredentials CredentialSource = sources(func() (Credentials, error) { return Credentials{}, errors.New("no file") })
	for name, test := range map[string]struct {
		steps []step
		calls int
		from  CredentialSource
		want  []string
	}{
		"success":             {[]step{answerBody(statusOK)}, 1, nil, []string{"0"}},
		"partial success":     {[]step{answerBody(`{"code":40006,"data":` + statusData + `}`)}, 1, nil, []string{"40006"}},
		"partial, no data":    {[]step{answerCode(CodePartial)}, 1, nil, []string{"40006"}},
		"refused":             {[]step{answerCode(CodeSignature)}, 1, nil, []string{"40003"}},
		"an unknown code":     {[]step{answerCode(12345)}, 1, nil, []string{"12345"}},
		"malformed":           {[]step{answerBody(`<html>`)}, 1, nil, []string{"malformed"}},
		"malformed data":      {[]step{answerBody(`{"code":0,"data":{}}`)}, 1, nil, []string{"malformed"}},
		"redirect":            {[]step{answerStatus(http.StatusFound)}, 1, nil, []string{"302"}},
		"unknown name":        {[]step{failWith(&net.DNSError{})}, 1, nil, []string{"dns", "dns", "dns"}},
		"repeated to success": {[]step{answerStatus(502), hang, answerBody(statusOK)}, 1, nil, []string{"502", "timeout", "0"}},
		"code after success":  {[]step{answerBody(statusOK), answerBody(`{}`)}, 2, nil, []string{"0", "malformed"}},
		"not sent in a pause": {[]step{answerCode(CodeHourLimit)}, 3, nil, []string{"40014"}},
		"no credentials":      {[]step{answerBody(statusOK)}, 2, noCredentials, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				observe := WithObserver(func(r Request) {
					if r.Endpoint != EndpointPhoneStatus {
						t.Errorf("endpoint %s", r.Endpoint)
					}
					got = append(got, r.Outcome)
				})
				if test.from == nil {
					test.from = Credentials{Token: testToken}
				}
				c := newClientFor(t, test.from, play(test.steps...), observe)
				for range test.calls {
					_ = ask(within(t, time.Hour), c)
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestObservedDurationIsFromSendingToTheEndOfTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Request
		c := newClient(t, play(after(2*time.Second, answerCode(CodeInternal)), hang, after(time.Second, answerBody(statusOK))),
			withLimits(Limits{PerMinute: 1, PerHour: 10}),
			WithObserver(func(r Request) { got = append(got, r) }))
		_, err := c.PhoneStatus(t.Context(), []string{"1"})
		none := Optional[time.Duration]{}
		want := []Request{
			{EndpointPhoneStatus, "50000", 2 * time.Second, none},
			{EndpointPhoneStatus, "timeout", 5 * time.Second, none},
			{EndpointPhoneStatus, "0", time.Second, none},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}
