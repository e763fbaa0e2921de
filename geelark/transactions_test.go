package geelark

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func sample(t *testing.T, name string) step {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("geelarktest", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return answerBody(string(b))
}

func TestTheDocumentedFlowIsRead(t *testing.T) {
	page, err := newClient(t, play(sample(t, "billing_transaction_detail.json"))).Transactions(t.Context(), FlowQuery{})
	want := &FlowPage{Total: 1, Last: "612451567282427943", Flows: []Flow{{
		ID: "612451567282427943", PhoneID: "612451567282427942", Kind: FlowPhone, Charge: ChargeBonusMinutes,
		Used: 2 * time.Minute, Created: time.Unix(1774593838, 0),
	}}}
	if err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("got %+v, %v\nwant %+v", page, err, want)
	}
}

func TestFlowsAreAskedForInTheDocumentedWords(t *testing.T) {
	for want, q := range map[string]FlowQuery{
		`{}`: {},
		`{"id":"5","startAt":100,"endAt":200,"limit":1000,"lastFlowId":"9"}`: {PhoneID: "5", Start: time.Unix(100, 5), End: time.Unix(200, 0), Limit: MaxFlows, After: "9"},
	} {
		var body []byte
		c := newClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
			body, _ = io.ReadAll(r.Body)
			return answerBody(`{"code":0,"data":{"total":0,"list":null}}`)(r)
		}))
		if _, err := c.Transactions(t.Context(), q); err != nil || string(body) != want {
			t.Errorf("sent %s, %v, want %s", body, err, want)
		}
	}
	for _, limit := range []int{-1, 1001} {
		if _, err := newClient(t, play()).Transactions(t.Context(), FlowQuery{Limit: limit}); err == nil {
			t.Errorf("a page of %d flows is asked for", limit)
		}
	}
}

func TestAFlowWhoseSumCannotBeReadIsSkipped(t *testing.T) {
	good := map[string]any{"id": "1", "envId": 7, "type": 2, "chargeType": "2", "amount": 0.007, "usedTime": 1.5, "createdTime": 100}
	for name, test := range map[string]struct {
		field   string
		value   any
		skipped bool
		want    func(*Flow)
	}{
		"as it is":                          {"", nil, false, func(*Flow) {}},
		"no id":                             {"id", nil, true, nil},
		"an id that is none":                {"id", map[string]any{}, true, nil},
		"no time":                           {"createdTime", nil, true, nil},
		"a time out of range":               {"createdTime", int64(math.MaxInt64), true, nil},
		"no amount":                         {"amount", nil, true, nil},
		"an amount of words":                {"amount", "much", true, nil},
		"too large an amount":               {"amount", 1e300, true, nil},
		"minutes of words":                  {"usedTime", "long", true, nil},
		"negative minutes":                  {"usedTime", -1, true, nil},
		"the most minutes":                  {"usedTime", json.RawMessage("153722867.280912930"), false, func(f *Flow) { f.Used = math.MaxInt64 - math.MaxInt64%60 }},
		"more minutes":                      {"usedTime", json.RawMessage("153722867.280912931"), true, nil},
		"zero minutes":                      {"usedTime", 0, false, func(f *Flow) { f.Used = 0 }},
		"a kind that is none":               {"type", true, false, func(f *Flow) { f.Kind = 0 }},
		"no minutes, as of a rental":        {"usedTime", nil, false, func(f *Flow) { f.Used = 0 }},
		"no phone":                          {"envId", nil, false, func(f *Flow) { f.PhoneID = "" }},
		"a kind that is not documented":     {"type", 9, false, func(f *Flow) { f.Kind = 9 }},
		"a charge type that is none":        {"chargeType", true, false, func(f *Flow) { f.Charge = 0 }},
		"a refund":                          {"amount", -2.5, false, func(f *Flow) { f.Amount = -2_500_000_000 }},
		"an amount with an exponent":        {"amount", json.RawMessage("12e-3"), false, func(f *Flow) { f.Amount = 12_000_000 }},
		"an amount that stands as a string": {"amount", "1.10", false, func(f *Flow) { f.Amount = 1_100_000_000 }},
	} {
		t.Run(name, func(t *testing.T) {
			item := maps.Clone(good)
			if test.field != "" {
				item[test.field] = test.value
			}
			bystander := map[string]any{"id": "2", "amount": 1, "createdTime": 50}
			body, err := json.Marshal(map[string]any{"code": 0, "data": map[string]any{"total": 2, "list": []any{item, nil, bystander}}})
			if err != nil {
				t.Fatal(err)
			}
			page, err := newClient(t, play(answerBody(string(body)))).Transactions(t.Context(), FlowQuery{})
			if err != nil {
				t.Fatal(err)
			}
			want := []Flow{{ID: "2", Amount: 1e9, Created: time.Unix(50, 0)}}
			skipped := 2
			if !test.skipped {
				f := Flow{ID: "1", PhoneID: "7", Kind: FlowRPA, Charge: ChargeBalance, Amount: 7_000_000, Used: 90 * time.Second, Created: time.Unix(100, 0)}
				test.want(&f)
				want, skipped = append([]Flow{f}, want...), 1
			}
			if !reflect.DeepEqual(page.Flows, want) || page.Skipped != skipped {
				t.Errorf("got %+v, %d skipped\nwant %+v, %d", page.Flows, page.Skipped, want, skipped)
			}
		})
	}
}

func TestOddFieldsOfFlowsAreTold(t *testing.T) {
	body := `{"code":0,"data":{"total":2,"list":[{"id":"1","amount":{},"createdTime":100},{"id":"2","amount":1,"type":true,"createdTime":100}]}}`
	page, err := newClient(t, play(answerBody(body))).Transactions(t.Context(), FlowQuery{})
	if want := []Oddity{{"1", "amount"}, {"2", "type"}}; err != nil || !reflect.DeepEqual(page.Oddities, want) {
		t.Errorf("got %+v, %v, want %v", page, err, want)
	}
}

func TestListsOfFlowsAndTasksThatAreNoneAreMalformed(t *testing.T) {
	for _, data := range []string{`{}`, `{"list":[],"items":[]}`, `{"total":-1,"list":[],"items":[]}`, `{"total":1,"list":5,"items":5}`, `[]`} {
		body := `{"code":0,"data":` + data + `}`
		_, err := newClient(t, play(answerBody(body))).Transactions(t.Context(), FlowQuery{})
		wantReason(t, err, ReasonMalformed)
		_, err = newClient(t, play(answerBody(body))).TaskHistory(t.Context(), "", 1)
		wantReason(t, err, ReasonMalformed)
	}
	for name, ask := range map[string]func(*Client) error{
		"flows":   func(c *Client) error { _, err := c.Transactions(t.Context(), FlowQuery{}); return err },
		"history": func(c *Client) error { _, err := c.TaskHistory(t.Context(), "", 1); return err },
		"tasks":   func(c *Client) error { _, err := c.Tasks(t.Context(), []string{"1"}); return err },
	} {
		if err := ask(newClient(t, play(answerCode(CodePermission)))); !errors.Is(err, CodePermission) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDecimalsAreReadExactly(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "-0": 0, "0.0": 0, "1": 1e9, "0.1": 1e8, "0.000000001": 1, "0.0000000019": 1, "-1.5": -15e8, "1e2": 1e11, "1.5E-3": 15e5,
		"9223372036.854775807": math.MaxInt64, "0.0000000000001e4": 1, "1e-20": 0, "00": 0,
		"0.0000000001": 0, "0.00000000099": 0, "0.00000000199": 1, "123e-100": 0, "0e100": 0,
	} {
		if got, ok := decimal(s); !ok || got != want {
			t.Errorf("%s: got %d, %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "x", "1x", "1e", "1e999", "9223372036.854775808", ".", "-", ".5", "1.2.3", "123e-101", "0e101"} {
		if got, ok := decimal(s); ok {
			t.Errorf("%q is %d", s, got)
		}
	}
	if got := Amount(1_500_000_000).Float(); got != 1.5 {
		t.Errorf("got %v", got)
	}
}

func TestKindsAndChargesHaveWords(t *testing.T) {
	words := map[string]bool{}
	for k := range FlowKind(4) {
		words[k.String()] = true
	}
	for c := range ChargeType(10) {
		words[c.String()] = true
	}
	if len(words) != 2+8+1 {
		t.Errorf("got %v", words)
	}
}
