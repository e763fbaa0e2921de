package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
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
			Failures: []PhoneFailure{{ID: "123456ABCDEF", Code: CodePhoneNotFound}},
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
			[]PhoneFailure{{ID: "9007199254740993", Code: CodePhoneNotFound}},
		},
		"statuses and codes as strings": {
			CodeOK, `{"successDetails":[{"id":"1","serialName":"a","status":"3"}],"failDetails":[{"id":"2","code":"42001"}]}`,
			[]PhoneStatus{{"1", "a", StatusExpired}},
			[]PhoneFailure{{ID: "2", Code: CodePhoneNotFound}},
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
			[]PhoneFailure{{ID: "2", Code: CodePhoneNotFound}},
		},
		"a failed batch is data": {
			CodeBatchFailed, `{"successDetails":null,"failDetails":[{"id":"2","code":43004}]}`,
			nil,
			[]PhoneFailure{{ID: "2", Code: CodePhoneExpired}},
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
	const fails, skipped, failed, named = "the answer fails", "the detail is skipped", "the phone's lookup failed", "the phone has no name"
	success := func(fields string) string { return `{"successDetails":[{` + fields + `}],"failDetails":[]}` }
	failure := func(fields string) string { return `{"successDetails":[],"failDetails":[{` + fields + `}]}` }
	for name, test := range map[string]struct {
		data, alone string // what becomes of it when there is nothing else
		odd         string // the field
	}{
		"no details":                {`{}`, fails, ""},
		"null details":              {`{"successDetails":null,"failDetails":null}`, fails, ""},
		"an array":                  {`[]`, fails, ""},
		"a string":                  {`"started"`, fails, ""},
		"details as an object":      {`{"successDetails":{}}`, fails, ""},
		"details in another case":   {`{"SuccessDetails":[{"id":"1","status":0}]}`, fails, ""},
		"a null detail":             {`{"successDetails":[null]}`, skipped, ""},
		"a null failure":            {`{"failDetails":[null]}`, skipped, ""},
		"a detail that is a number": {`{"successDetails":[1]}`, skipped, ""},
		"a detail that is a list":   {`{"successDetails":[["id","1"]]}`, skipped, ""},
		"status missing":            {success(`"id":"1"`), failed, "status"},
		"status null":               {success(`"id":"1","status":null`), failed, "status"},
		"status empty":              {success(`"id":"1","status":""`), failed, "status"},
		"status a quote":            {success(`"id":"1","status":"\""`), failed, "status"},
		"status in words":           {success(`"id":"1","status":"started"`), failed, "status"},
		"status true":               {success(`"id":"1","status":true`), failed, "status"},
		"status a fraction":         {success(`"id":"1","status":0.5`), failed, "status"},
		"status too large":          {success(`"id":"1","status":99999999999999999999`), failed, "status"},
		"status not exact":          {success(`"id":"1","status":1e300`), failed, "status"},
		"status an object":          {success(`"id":"1","status":{}`), failed, "status"},
		"status an array":           {success(`"id":"1","status":[0]`), failed, "status"},
		"status in another case":    {success(`"id":"1","Status":0`), failed, "status"},
		"status null behind one":    {success(`"id":"1","status":0,"status":null`), failed, "status"},
		"status odd, name too":      {success(`"id":"1","serialName":{},"status":{}`), failed, "status"},
		"id missing":                {success(`"status":1`), skipped, ""},
		"id null":                   {success(`"id":null,"status":1`), skipped, ""},
		"id empty":                  {success(`"id":"","status":1`), skipped, "id"},
		"id a fraction":             {success(`"id":1.5,"status":1`), skipped, "id"},
		"id an exponent":            {success(`"id":1e21,"status":1`), skipped, "id"},
		"id negative":               {success(`"id":-1,"status":1`), skipped, "id"},
		"id true":                   {success(`"id":true,"status":1`), skipped, "id"},
		"id an object":              {success(`"id":{},"status":1`), skipped, "id"},
		"name a number":             {success(`"id":"1","serialName":1,"status":1`), named, "serialName"},
		"name an object":            {success(`"id":"1","serialName":{"status":0},"status":1`), named, "serialName"},
		"name a list":               {success(`"id":"1","serialName":[],"status":1`), named, "serialName"},
		"failure code missing":      {failure(`"id":"1"`), failed, "code"},
		"failure code null":         {failure(`"id":"1","code":null`), failed, "code"},
		"failure code in words":     {failure(`"id":"1","code":"gone"`), failed, "code"},
		"failure code an object":    {failure(`"id":"1","code":{}`), failed, "code"},
		"failure id missing":        {failure(`"code":42001`), skipped, ""},
		"failure id empty":          {failure(`"id":"","code":42001`), skipped, "id"},
		"a later list without status": {`{"successDetails":[{"id":"9","status":1}],` +
			`"successDetails":[{"id":"1"}]}`, failed, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(`{"code":0,"msg":"ok","data":` + test.data + `}`))
			got, err := newClient(t, s).PhoneStatus(t.Context(), []string{"1"})
			if len(s.requests()) != 1 {
				t.Errorf("%d requests", len(s.requests()))
			}
			if test.alone == fails || test.alone == skipped {
				wantReason(t, err, ReasonMalformed)
				if got != nil {
					t.Errorf("got %+v", got)
				}
			} else {
				wantDetail(t, got, err, test.alone == named)
			}
			if test.alone == fails {
				return
			}

			// 99 good phones around it are none the worse.
			var around []string
			for i := range 99 {
				around = append(around, fmt.Sprintf(`{"id":"good-%d","serialName":"n","status":%d}`, i, i%4))
			}
			data := strings.Replace(test.data, `"successDetails":[`, `"successDetails":[`+strings.Join(around[:50], ",")+`,`, 1)
			if !strings.Contains(test.data, "successDetails") {
				data = strings.Replace(test.data, `{`, `{"successDetails":[],`, 1)
			}
			if n := strings.LastIndex(data, `"successDetails":[`) + len(`"successDetails":[`); true {
				data = strings.ReplaceAll(data[:n]+strings.Join(around, ",")+`,`+data[n:], `,]`, `]`)
			}
			data = strings.Replace(data, strings.Join(around[:50], ",")+`,`, "", min(1, strings.Count(data, around[0])-1))
			got, err = newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneStatus(t.Context(), []string{"1"})
			if err != nil {
				t.Fatalf("%v of %s", err, data)
			}
			good := 0
			for _, p := range got.Phones {
				if n, ok := strings.CutPrefix(p.ID, "good-"); ok {
					good++
					if i, _ := strconv.Atoi(n); p.Status != Status(i%4) || p.SerialName != "n" {
						t.Errorf("got %+v", p)
					}
				}
			}
			if good != 99 {
				t.Errorf("%d of 99 good phones came through", good)
			}
			got.Phones = got.Phones[99:]
			if test.alone == skipped {
				if len(got.Phones) != 0 || len(got.Failures) != 0 || got.Skipped != 1 {
					t.Errorf("got %+v", got)
				}
			} else {
				wantDetail(t, got, nil, test.alone == named)
			}
			id := map[bool]string{true: "", false: "1"}[test.alone == skipped]
			if test.odd != "" && !slices.Contains(got.Oddities, Oddity{id, test.odd}) || test.odd == "" && len(got.Oddities) != 0 {
				t.Errorf("odd are %+v, want %q of %q", got.Oddities, test.odd, id)
			}
		})
	}
}

// wantDetail wants of an answer that phone 1 is there without a name, or that its
// lookup failed.
func wantDetail(t *testing.T, got *PhoneStatuses, err error, there bool) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	phones, failures := []PhoneStatus{{ID: "1", Status: StatusStarting}}, []PhoneFailure(nil)
	if !there {
		phones, failures = nil, []PhoneFailure{{ID: "1", Malformed: true}}
	}
	if !slices.Equal(got.Phones, phones) || !slices.Equal(got.Failures, failures) || got.Skipped != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAmountsAndDetailsThatContradictEachOther(t *testing.T) {
	const phone, failure = `{"id":"1","status":1}`, `{"id":"2","code":42001}`
	lists := map[string]string{"missing": ``, "null": `,"%s":null`, "empty": `,"%s":[]`, "odd": `,"%s":{}`, "one": `,"%s":[%s]`, "skipped": `,"%s":[null]`}
	for successAmount := range 3 {
		for failAmount := range 3 {
			for success, successDetails := range lists {
				for fail, failDetails := range lists {
					data := fmt.Sprintf(`{"totalAmount":%d,"successAmount":%d,"failAmount":%d`, successAmount+failAmount, successAmount, failAmount)
					data += strings.ReplaceAll(strings.ReplaceAll(successDetails, "[%s]", "["+phone+"]"), "%s", "successDetails")
					data += strings.ReplaceAll(strings.ReplaceAll(failDetails, "[%s]", "["+failure+"]"), "%s", "failDetails") + `}`
					got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneStatus(t.Context(), []string{"1", "2", "3"})

					isList := func(how string) bool { return how == "empty" || how == "one" || how == "skipped" }
					legible := success == "one" || fail == "one"
					good := (isList(success) || isList(fail)) &&
						(successAmount == 0 || success == "one" || success == "skipped") && // successes without any are none
						(legible || success != "skipped" && fail != "skipped") && // nothing can be read
						(legible || successAmount+failAmount == 0) // details are missing
					if (err == nil) != good {
						t.Errorf("%s: got %+v, %v, want it to be good: %t", data, got, err, good)
					}
					if err != nil {
						wantReason(t, err, ReasonMalformed)
						continue
					}
					if (len(got.Phones) == 1) != (success == "one") || (len(got.Failures) == 1) != (fail == "one") {
						t.Errorf("%s: got %+v", data, got)
					}
				}
			}
		}
	}
}

func TestASingleDetailThatIsCountedAndMissingIsAContradiction(t *testing.T) {
	for data, good := range map[string]bool{
		`{"successDetails":[]}`: true,
		`{"successDetails":[],"totalAmount":0,"successAmount":0,"failAmount":0}`: true,
		`{"successDetails":[],"totalAmount":1}`:                                  false,
		`{"successDetails":[],"successAmount":1}`:                                false,
		`{"successDetails":[],"failAmount":1}`:                                   false,
		`{"successDetails":[{"id":"1","status":1},null],"successAmount":2}`:      true,
	} {
		if _, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneStatus(t.Context(), []string{"1"}); (err == nil) != good {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestOddAmountsAreOfNoPhone(t *testing.T) {
	data := `{"totalAmount":{},"successAmount":[],"successDetails":[{"id":"1","status":1,"serialName":{}},{"id":"2","status":1}],"failAmount":true}`
	got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneStatus(t.Context(), []string{"1", "2"})
	if err != nil || !slices.Equal(got.Oddities, []Oddity{{"1", "serialName"}}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNamesInAnyEncodingBecomeValidText(t *testing.T) {
	for text, want := range map[string]string{
		`plain`:             "plain",
		`\u0061 first`:      "a first",
		`last \u0061`:       "last a",
		"\xff":              "\ufffd",
		"a\xffb":            "a\ufffdb",
		"\\u0061\xffb":      "a\ufffdb",
		`\ud800`:            "\ufffd",
		`\ud83d\ude00 \"\\`: "\U0001f600 \"\\",
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":{"successDetails":[{"id":"1","status":1,"serialName":"`+text+`"}]}}`))).PhoneStatus(t.Context(), []string{"1"})
		if err != nil || len(got.Phones) != 1 || got.Phones[0].SerialName != want {
			t.Errorf("%q: got %+v, %v, want %q", text, got, err, want)
		}
	}
}

func TestAmountsThatCannotBeReadSayNothing(t *testing.T) {
	for _, amount := range []string{`null`, `"many"`, `{}`, `-1`, `1.5`} {
		data := `{"totalAmount":` + amount + `,"successAmount":` + amount + `,"failAmount":` + amount + `,"successDetails":[],"failDetails":[]}`
		if _, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneStatus(t.Context(), []string{"1"}); err != nil {
			t.Errorf("%s: %v", amount, err)
		}
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
		var statuses, failures []member
		skipped, malformed := 0, 0
		sortOut := func(members []member, to *[]member) {
			for _, m := range members {
				switch {
				case m.id == "none":
					skipped++
				case m.value == "none":
					malformed++
				default:
					*to = append(*to, m)
				}
			}
		}
		sortOut(membersOf(data, "successDetails", "status"), &statuses)
		sortOut(membersOf(data, "failDetails", "code"), &failures)
		got.Failures = slices.DeleteFunc(got.Failures, func(f PhoneFailure) bool {
			if f.Malformed {
				malformed--
			}
			return f.Malformed
		})
		if len(statuses) != len(got.Phones) || len(failures) != len(got.Failures) || malformed != 0 || skipped != got.Skipped {
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

// lookUp returns an object's last member of the name.
func lookUp(object any, name string) any {
	pairs, _ := object.([]pair)
	var v any
	for _, p := range pairs {
		if p.key == name {
			v = p.value
		}
	}
	return v
}

// text is an id: a string, or a number of digits.
func text(v any) string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return v
		}
	case json.Number:
		if strings.Trim(v.String(), "0123456789") == "" {
			return v.String()
		}
	}
	return "none"
}

// number is an integer, in whatever way it is written.
func number(v any) string {
	s := ""
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	}
	if !numeric.MatchString(s) {
		return "none"
	}
	if n, err := strconv.Atoi(s); err == nil {
		return strconv.Itoa(n)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 || !strings.ContainsAny(s, ".eE") {
		return "none"
	}
	return strconv.FormatFloat(f+0, 'f', 0, 64)
}

var numeric = regexp.MustCompile(`^-?[0-9][-+.0-9eE]*$`)

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
		if n := len(data.successes.phones); n != MaxStatusIDs {
			b.Fatal(n)
		}
	}
}
