package geelark

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMalformedAnswerIsNeverData(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                  ``,
		"HTML":                     `<!DOCTYPE html><html><body>502 Bad Gateway</body></html>`,
		"truncated":                statusOK[:len(statusOK)-10],
		"text behind the answer":   statusOK + `x`,
		"two answers":              statusOK + statusOK,
		"null":                     `null`,
		"an array":                 `[]`,
		"a number":                 `0`,
		"an empty object":          `{}`,
		"code missing":             `{"msg":"ok","data":` + statusData + `}`,
		"code null":                `{"code":null,"data":` + statusData + `}`,
		"code a fraction":          `{"code":0.5,"data":` + statusData + `}`,
		"code true":                `{"code":true,"data":` + statusData + `}`,
		"data missing":             `{"code":0,"msg":"成功","traceId":"t"}`,
		"data null":                `{"code":0,"data": null }`,
		"data empty":               `{"code":0,"data":{}}`,
		"code in words":            `{"code":"success","data":` + statusData + `}`,
		"an error behind bad JSON": `{"code":40003,"msg":"no",}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(body))
			got, err := newClient(t, s).PhoneStatus(t.Context(), []string{"1"})
			te := wantReason(t, err, ReasonMalformed)
			if got != nil || te.Endpoint != EndpointPhoneStatus || te.TraceID == "" || len(s.requests()) != 1 {
				t.Errorf("got %+v, %+v after %d requests", got, te, len(s.requests()))
			}
			if strings.Contains(err.Error(), "502") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestOddPartsOfTheEnvelopeSpoilNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"message a number":           `{"code":0,"msg":1,"data":%s}`,
		"message an object":          `{"code":0,"msg":{"zh":"\u6210"},"data":%s}`,
		"message a list":             `{"code":0,"msg":[1,{"a":[]}],"data":%s}`,
		"message null":               `{"code":0,"msg":null,"data":%s}`,
		"trace id a number":          `{"code":0,"traceId":17,"data":%s}`,
		"trace id an object":         `{"code":0,"traceId":{},"data":%s}`,
		"trace id behind":            `{"code":0,"data":%s,"traceId":false}`,
		"code a string":              `{"code":"0","data":%s}`,
		"code a fraction of 0":       `{"code":0.0,"data":%s}`,
		"code behind the data":       `{"data":%s,"code":0}`,
		"fields of no document":      `{"a":{"code":1},"code":0,"data":%s,"success":false}`,
		"names that are escaped":     `{"\u0063ode":0,"d\u0061ta":%s}`,
		"invalid UTF-8":              "{\"code\":0,\"msg\":\"\xff\",\"data\":%s}",
		"the last data counts":       `{"code":0,"data":{"successDetails":[{"id":"9","status":1}]},"data":%s}`,
		"the last data counts alone": `{"code":0,"data":{"successAmount":0,"failDetails":[{"id":"8","code":42001}]},"data":%s}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newClient(t, play(answerBody(fmt.Sprintf(body, statusData)))).PhoneStatus(t.Context(), []string{"1"})
			if err != nil {
				t.Fatal(err)
			}
			if want := []PhoneStatus{{"1", "a", StatusShutDown}}; !slices.Equal(got.Phones, want) || len(got.Failures) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCodeOtherThanSuccessIsAnAPIError(t *testing.T) {
	for _, c := range codes {
		if c.code == CodeOK {
			continue
		}
		t.Run(fmt.Sprint(int(c.code)), func(t *testing.T) {
			client := newClientFor(t, Credentials{AppID: testAppID, APIKey: testAPIKey}, play(answerCode(c.code)), WithRetries(0))
			_, err := client.PhoneList(t.Context(), PhoneListFilter{}, 1, 1)
			var ae *APIError
			if !errors.As(err, &ae) || !errors.Is(err, c.code) || errors.Is(err, ErrNotSent) {
				t.Fatalf("got %v (%T)", err, err)
			}
			want := APIError{Endpoint: EndpointPhoneList, Code: c.code, Message: "出错", TraceID: "vendor-trace", AppID: testAppID}
			if *ae != want {
				t.Errorf("got %+v, want %+v", *ae, want)
			}
		})
	}
}

func TestAPIErrorWithAndWithoutDetailsOfItsOwn(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		body string
		want APIError
	}{
		"token mode has no app id, a missing trace id is the request's": {
			`{"code":40003}`, APIError{Code: CodeSignature, TraceID: testTraceID},
		},
		"a code with data that looks like success": {
			`{"code":40003,"traceId":"v","data":` + statusData + `}`, APIError{Code: CodeSignature, TraceID: "v"},
		},
		"partial success without data":   {`{"code":40006,"msg":"m"}`, APIError{Code: CodePartial, Message: "m", TraceID: testTraceID}},
		"partial success with null data": {`{"code":40006,"data":null}`, APIError{Code: CodePartial, TraceID: testTraceID}},
		"partial success with data that cannot be read": {
			`{"code":40006,"data":{"successDetails":1}}`, APIError{Code: CodePartial, TraceID: testTraceID},
		},
		"partial success without details": {
			`{"code":40006,"data":{"successDetails":[],"failDetails":[]}}`, APIError{Code: CodePartial, TraceID: testTraceID},
		},
		"failed batch without details": {
			`{"code":40009,"data":{"totalAmount":1,"failAmount":1,"successDetails":null,"failDetails":null}}`, APIError{Code: CodeBatchFailed, TraceID: testTraceID},
		},
		"a code behind its data": {`{"data":` + statusData + `,"code":40003}`, APIError{Code: CodeSignature, TraceID: testTraceID}},
		"message and trace id of other kinds": {
			`{"code":40003,"msg":{"a":["b"]},"traceId":17}`, APIError{Code: CodeSignature, TraceID: testTraceID},
		},
		"a code as a string":        {`{"code":"40003"}`, APIError{Code: CodeSignature, TraceID: testTraceID}},
		"a code as a fraction":      {`{"code":40003.0}`, APIError{Code: CodeSignature, TraceID: testTraceID}},
		"failed batch without data": {`{"code":40009,"data":null}`, APIError{Code: CodeBatchFailed, TraceID: testTraceID}},
		"long texts are cut": {
			`{"code":41001,"msg":"` + long + `","traceId":"` + long + `"}`,
			APIError{Code: CodeBalance, Message: long[:200], TraceID: long[:64]},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(t.Context(), newClient(t, play(answerBody(test.body))))
			test.want.Endpoint = EndpointPhoneStatus
			var ae *APIError
			if !errors.As(err, &ae) || *ae != test.want {
				t.Errorf("got %#v, want %#v", err, test.want)
			}
		})
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		statusOK, statusOK[:40],
		`{"code":40003,"msg":"签名错误","traceId":"t","data":null}`,
		`{"code":40006,"data":{"failDetails":[{"id":"1","code":42001}]}}`,
		`{"code":40009}`, `{"code":0,"data":{}}`, `{"CODE":0,"Data":[]}`, `{"code":null}`, `<html>`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := newClient(t, play(answerBody(string(body))), WithRetries(0))
		statuses, err := c.PhoneStatus(t.Context(), []string{"1"})
		switch {
		case err != nil && statuses != nil:
			t.Fatalf("got both %+v and %v", statuses, err)
		case err != nil:
			wantTyped(t, err)
		default:
			for _, p := range statuses.Phones {
				if p.ID == "" {
					t.Fatalf("a phone without an id: %+v", p)
				}
			}
		}
		if _, err := c.PhoneList(t.Context(), PhoneListFilter{}, 1, 1); err != nil {
			wantTyped(t, err)
		}
	})
}

func TestAnAnswerThatCannotBeReadIsNamedByTheVendorsTraceID(t *testing.T) {
	for name, answer := range map[string]string{
		"no code":           `{"traceId":"vendor-trace","data":` + statusData + `}`,
		"no data":           `{"code":0,"traceId":"vendor-trace"}`,
		"data of no phones": `{"code":0,"traceId":"vendor-trace","data":7}`,
		"an end too early":  `{"code":0,"traceId":"vendor-trace","data":` + statusData,
	} {
		if te := wantReason(t, ask(t.Context(), newClient(t, play(answerBody(answer)))), ReasonMalformed); te.TraceID != "vendor-trace" {
			t.Errorf("%s: trace id %q", name, te.TraceID)
		}
	}
}

func TestOfDataThatComesTwiceTheLastCounts(t *testing.T) {
	twice := func(first, last string) *Client {
		return newClient(t, play(answerBody(`{"code":0,"data":`+first+`,"data":`+last+`}`)))
	}
	if w, err := twice(`{"balance":1,"giftMoney":2}`, `{"balance":3}`).Wallet(t.Context()); err != nil || *w != (Wallet{Balance: Some(3.0)}) {
		t.Errorf("wallet: %+v, %v", w, err)
	}
	want := TaskPage{Total: 1, Last: "3", Tasks: []Task{{ID: "3", Status: TaskFailed}}}
	for name, c := range map[string]*Client{
		"data":  twice(`{"total":5,"items":[{"id":"1","status":1},{"id":"2"},{"id":"4","status":{}}]}`, `{"total":1,"items":[{"id":"3","status":4}]}`),
		"items": newClient(t, play(answerBody(`{"code":0,"data":{"total":1,"items":[{"id":"1","status":1},{"id":"2"}],"items":[{"id":"3","status":4}]}}`))),
	} {
		if p, err := c.TaskHistory(t.Context(), "", MaxTasks); err != nil || !reflect.DeepEqual(*p, want) {
			t.Errorf("tasks, %s: %+v, %v", name, p, err)
		}
	}
	flow := `{"id":"3","amount":1,"createdTime":100}`
	flows := FlowPage{Total: 1, Flows: []Flow{{ID: "3", Amount: 1e9, Created: time.Unix(100, 0)}}}
	for name, c := range map[string]*Client{
		"data": twice(`{"total":5,"lastFlowId":"2","list":[{"id":"1"},{"id":"2","amount":1,"createdTime":1}]}`, `{"total":1,"list":[`+flow+`]}`),
		"list": newClient(t, play(answerBody(`{"code":0,"data":{"total":1,"list":[{"id":"1","amount":{}},{"id":"2","amount":1,"createdTime":1}],"list":[`+flow+`]}}`))),
	} {
		if p, err := c.Transactions(t.Context(), FlowQuery{}); err != nil || !reflect.DeepEqual(*p, flows) {
			t.Errorf("flows, %s: %+v, %v", name, p, err)
		}
	}
	if p, err := twice(`{"plan":1,"profiles":2}`, `{"profiles":3}`).PlanInfo(t.Context()); err != nil || *p != (PlanInfo{Profiles: Some(3)}) {
		t.Errorf("plan: %+v, %v", p, err)
	}
	s, err := twice(`{"successDetails":[{"id":"1","status":0}],"failDetails":[{"id":"2","code":42001}]}`, `{"successDetails":[{"id":"3","status":2}]}`).PhoneStatus(t.Context(), []string{"1", "2", "3"})
	if err != nil || len(s.Phones) != 1 || s.Phones[0].ID != "3" || len(s.Failures) != 0 {
		t.Errorf("statuses: %+v, %v", s, err)
	}
	l, err := twice(`{"total":2,"page":1,"pageSize":100,"items":[{"id":"1"},{"id":"2"}]}`, `{"total":1,"page":1,"pageSize":100,"items":[{"id":"3"}]}`).PhoneList(t.Context(), PhoneListFilter{}, 1, 100)
	if err != nil || l.Total != 1 || len(l.Phones) != 1 || l.Phones[0].ID != "3" {
		t.Errorf("list: %+v, %v", l, err)
	}
	const one, none = `{"total":1,"items":[{"id":"1","status":1}]}`, `{"total":0}`
	if l, err := twice(one, none).PhoneList(t.Context(), PhoneListFilter{}, 1, 100); err != nil || l.Total != 0 || len(l.Phones) != 0 {
		t.Errorf("list of none: %+v, %v", l, err)
	}
	if p, err := twice(one, none).TaskHistory(t.Context(), "", MaxTasks); err != nil || !reflect.DeepEqual(*p, TaskPage{}) {
		t.Errorf("no tasks: %+v, %v", p, err)
	}
}
