package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDocumentedStatusAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(after(time.Second, answerBody(readTestdata(t, "query-status.json"))))
		sent := time.Now()
		got, err := newClient(t, s).PhoneStatus(t.Context(), []string{"123456ABCDEF", "2"})
		if err != nil {
			t.Fatal(err)
		}
		// The document repeats one id: nothing is merged.
		want := &PhoneStatuses{
			At: sent,
			Phones: []PhoneStatus{
				{"123456ABCDEF", "name1", StatusStarted},
				{"123456ABCDEF", "name2", StatusStarting},
				{"123456ABCDEF", "name3", StatusStarting},
			},
			Failures: []PhoneFailure{{"123456ABCDEF", CodePhoneNotFound}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		r := s.requests()[0]
		if r.url != "https://openapi.geelark.com/open/v1/phone/status" || r.body != `{"ids":["123456ABCDEF","2"]}` {
			t.Errorf("got %s %s", r.url, r.body)
		}
	})
}

func TestStatusesAreDatedBySendingTheAnsweredRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := newClient(t, play(after(time.Second, answerCode(CodeInternal)), answerBody(statusOK)))
		got, err := c.PhoneStatus(t.Context(), []string{"1"})
		if err != nil {
			t.Fatal(err)
		}
		if want := start.Add(time.Second + backoff(0, 0)); !got.At.Equal(want) {
			t.Errorf("got %s, want %s", got.At, want)
		}
	})
}

func TestStatusDetailsInEveryDocumentedForm(t *testing.T) {
	const long = "557536075321468390123456789"
	for name, test := range map[string]struct {
		code     Code
		data     string
		phones   []PhoneStatus
		failures []PhoneFailure
	}{
		"number ids keep their digits": {
			CodeOK, `{"successDetails":[{"id":` + long + `,"status":2}],"failDetails":[{"id":9007199254740993,"code":42001}]}`,
			[]PhoneStatus{{long, "", StatusShutDown}},
			[]PhoneFailure{{"9007199254740993", CodePhoneNotFound}},
		},
		"statuses and codes as strings": {
			CodeOK, `{"successDetails":[{"id":"1","serialName":"a","status":"3"}],"failDetails":[{"id":"2","code":"42001"}]}`,
			[]PhoneStatus{{"1", "a", StatusExpired}},
			[]PhoneFailure{{"2", CodePhoneNotFound}},
		},
		"an undocumented status is kept": {
			CodeOK, `{"successDetails":[{"id":"1","status":17}]}`,
			[]PhoneStatus{{"1", "", 17}},
			nil,
		},
		"a name that is null": {
			CodeOK, `{"successDetails":[{"id":"1","serialName":null,"status":1}],"failDetails":null}`,
			[]PhoneStatus{{"1", "", StatusStarting}},
			nil,
		},
		"partial success is data": {
			CodePartial, `{"successDetails":[{"id":"1","status":0}],"failDetails":[{"id":"2","code":42001}]}`,
			[]PhoneStatus{{"1", "", StatusStarted}},
			[]PhoneFailure{{"2", CodePhoneNotFound}},
		},
		"a failed batch is data": {
			CodeBatchFailed, `{"successDetails":null,"failDetails":[{"id":"2","code":43004}]}`,
			nil,
			[]PhoneFailure{{"2", CodePhoneExpired}},
		},
		"empty details": {CodeOK, `{"successDetails":[],"failDetails":[]}`, nil, nil},
		"a repeated list does not lend its values to the later one": {
			CodeOK, `{"successDetails":[{"id":"1","serialName":"a","status":2}],"successDetails":[{"id":"2","status":1}]}`,
			[]PhoneStatus{{"2", "", StatusStarting}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, play(answerBody(fmt.Sprintf(`{"code":%d,"data":%s}`, int(test.code), test.data))))
			got, err := c.PhoneStatus(t.Context(), []string{"1", "2"})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Phones, test.phones) || !reflect.DeepEqual(got.Failures, test.failures) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMalformedStatusDataIsNeverAStatus(t *testing.T) {
	success := func(fields string) string { return `{"successDetails":[{` + fields + `}],"failDetails":[]}` }
	failure := func(fields string) string { return `{"successDetails":[],"failDetails":[{` + fields + `}]}` }
	for name, data := range map[string]string{
		"no details":                 `{}`,
		"null details":               `{"successDetails":null,"failDetails":null}`,
		"an array":                   `[]`,
		"a string":                   `"started"`,
		"details as an object":       `{"successDetails":{}}`,
		"a null detail":              `{"successDetails":[null]}`,
		"a null failure":             `{"failDetails":[null]}`,
		"a detail that is a number":  `{"successDetails":[1]}`,
		"status missing":             success(`"id":"1"`),
		"status null":                success(`"id":"1","status":null`),
		"status empty":               success(`"id":"1","status":""`),
		"status a quote":             success(`"id":"1","status":"\""`),
		"status in words":            success(`"id":"1","status":"started"`),
		"status true":                success(`"id":"1","status":true`),
		"status a fraction":          success(`"id":"1","status":0.5`),
		"status too large":           success(`"id":"1","status":99999999999999999999`),
		"status an object":           success(`"id":"1","status":{}`),
		"status an array":            success(`"id":"1","status":[0]`),
		"id missing":                 success(`"status":1`),
		"id null":                    success(`"id":null,"status":1`),
		"id empty":                   success(`"id":"","status":1`),
		"id a fraction":              success(`"id":1.5,"status":1`),
		"id an exponent":             success(`"id":1e21,"status":1`),
		"id negative":                success(`"id":-1,"status":1`),
		"id true":                    success(`"id":true,"status":1`),
		"id an object":               success(`"id":{},"status":1`),
		"name a number":              success(`"id":"1","serialName":1,"status":1`),
		"failure code missing":       failure(`"id":"1"`),
		"failure code null":          failure(`"id":"1","code":null`),
		"failure code in words":      failure(`"id":"1","code":"gone"`),
		"failure id missing":         failure(`"code":42001`),
		"failure id empty":           failure(`"id":"","code":42001`),
		"good details before it":     `{"successDetails":[{"id":"1","status":1},{"id":"2"}]}`,
		"good details, bad failures": `{"successDetails":[{"id":"1","status":1}],"failDetails":"none"}`,
		"a later list without status": `{"successDetails":[{"id":"1","status":1}],` +
			`"successDetails":[{"id":"2"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(`{"code":0,"msg":"ok","data":` + data + `}`))
			got, err := newClient(t, s).PhoneStatus(t.Context(), []string{"1"})
			wantReason(t, err, ReasonMalformed)
			if got != nil || len(s.requests()) != 1 {
				t.Errorf("got %+v after %d requests", got, len(s.requests()))
			}
		})
	}
}

func TestStatusTakesAtLeastOneAndAtMost100IDs(t *testing.T) {
	s := play(answerBody(statusOK))
	c := newClient(t, s)
	for n, good := range map[int]bool{0: false, 1: true, 100: true, 101: false} {
		if _, err := c.PhoneStatus(t.Context(), make([]string, n)); (err == nil) != good {
			t.Errorf("%d ids: %v", n, err)
		}
	}
	if n := len(s.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestStatusIsNamedInTheWordsOfLabels(t *testing.T) {
	want := map[Status]string{
		StatusStarted: "started", StatusStarting: "starting", StatusShutDown: "shut_down", StatusExpired: "expired",
		4: "unknown", -1: "unknown",
	}
	for s, name := range want {
		if got := s.String(); got != name {
			t.Errorf("status %d is %q, want %q", int(s), got, name)
		}
	}
}

func FuzzPhoneStatusData(f *testing.F) {
	for _, s := range []string{
		statusData,
		`{"successDetails":[{"id":55753607532146839012,"status":"2"}],"failDetails":[{"id":1,"code":42001}]}`,
		`{"successDetails":[{"id":"1"}]}`,
		`{"successDetails":[{"id":"1","status":null}],"failDetails":[null]}`,
		`{"successDetails":[{"id":"1","status":1}],"SuccessDetails":[{"ID":"2"}]}`,
		`{"successDetails":[{"id":"01","status":"-007"}],"failDetails":[{"id":"+1","code":-0}]}`,
		`{}`, `null`, `[]`, `1,"code":40003`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		c := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`)), WithRetries(0))
		got, err := c.PhoneStatus(t.Context(), []string{"1"})
		if err != nil {
			wantTyped(t, err)
			return
		}
		if !json.Valid([]byte(data)) {
			return // the data closed the envelope's object and went on in it
		}
		statuses := membersOf(data, "successDetails", "status")
		failures := membersOf(data, "failDetails", "code")
		if len(statuses) != len(got.Phones) || len(failures) != len(got.Failures) {
			t.Fatalf("got %+v of %s", got, data)
		}
		for i, p := range got.Phones {
			if want := statuses[i]; p.ID == "" || want != (member{p.ID, fmt.Sprint(int(p.Status))}) {
				t.Fatalf("got %+v, want %+v", p, want)
			}
		}
		for i, p := range got.Failures {
			if want := failures[i]; p.ID == "" || want != (member{p.ID, fmt.Sprint(int(p.Code))}) {
				t.Fatalf("got %+v, want %+v", p, want)
			}
		}
	})
}

type member struct{ id, value string }

// membersOf reads what a list of details says, in another way than the package:
// without types, and with the word "none" for what is absent, null or no number.
func membersOf(data, list, value string) []member {
	details, _ := lookUp(parse(json.NewDecoder(strings.NewReader(data))), list).([]any)
	var r []member
	for _, d := range details {
		r = append(r, member{text(lookUp(d, "id")), number(lookUp(d, value))})
	}
	return r
}

type pair struct {
	key   string
	value any
}

func parse(d *json.Decoder) any {
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		return nil
	}
	switch token {
	case json.Delim('{'):
		object := []pair{}
		for d.More() {
			key, _ := d.Token()
			object = append(object, pair{key.(string), parse(d)})
		}
		_, _ = d.Token()
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, parse(d))
		}
		_, _ = d.Token()
		return array
	}
	return token
}

// lookUp returns an object's last member of the name, whatever its case, as
// encoding/json does.
func lookUp(object any, name string) any {
	pairs, _ := object.([]pair)
	var v any
	for _, p := range pairs {
		if strings.EqualFold(p.key, name) {
			v = p.value
		}
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return "none"
}

// number is text without a sign and zeros that do not count.
func number(v any) string {
	n, err := strconv.Atoi(text(v))
	if err != nil {
		return "none"
	}
	return strconv.Itoa(n)
}

func wantTyped(t *testing.T, err error) {
	t.Helper()
	var te *TransportError
	var ae *APIError
	switch {
	case errors.As(err, &te) && te.Reason == ReasonMalformed:
	case errors.As(err, &ae) && ae.Code != CodeOK:
	default:
		t.Fatalf("got %v (%T)", err, err)
	}
}

// served puts an answer under the envelope handler, as the transport does.
type served string

func (s served) do(_ context.Context, c *call) error {
	c.answer = []byte(s)
	return nil
}

func BenchmarkDecodeStatusOf100Phones(b *testing.B) {
	details := make([]string, MaxStatusIDs)
	for i := range details {
		details[i] = fmt.Sprintf(`{"id":"5575360753214683%02d","serialName":"cloud phone %d","status":%d}`, i, i, i%4)
	}
	answer := served(`{"code":0,"msg":"success","traceId":"vendor-trace","data":{"totalAmount":100,"successAmount":100,` +
		`"failAmount":0,"successDetails":[` + strings.Join(details, ",") + `],"failDetails":[]}}`)
	h := &envelopeHandler{next: answer}
	b.ReportAllocs()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		var data phoneStatusData
		if err := h.do(b.Context(), &call{endpoint: EndpointPhoneStatus, out: &data}); err != nil {
			b.Fatal(err)
		}
		if len(data.SuccessDetails) != MaxStatusIDs {
			b.Fatal(len(data.SuccessDetails))
		}
	}
}
