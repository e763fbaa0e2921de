package geelark

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestMalformedAnswerIsNeverData(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                   ``,
		"HTML":                      `<!DOCTYPE html><html><body>502 Bad Gateway</body></html>`,
		"truncated":                 statusOK[:len(statusOK)-10],
		"text behind the answer":    statusOK + `x`,
		"two answers":               statusOK + statusOK,
		"null":                      `null`,
		"an array":                  `[]`,
		"a number":                  `0`,
		"an empty object":           `{}`,
		"code missing":              `{"msg":"ok","data":` + statusData + `}`,
		"code null":                 `{"code":null,"data":` + statusData + `}`,
		"code a string":             `{"code":"0","data":` + statusData + `}`,
		"code a fraction":           `{"code":0.5,"data":` + statusData + `}`,
		"code true":                 `{"code":true,"data":` + statusData + `}`,
		"message a number":          `{"code":0,"msg":1,"data":` + statusData + `}`,
		"trace id an object":        `{"code":0,"traceId":{},"data":` + statusData + `}`,
		"data missing":              `{"code":0,"msg":"成功","traceId":"t"}`,
		"data null":                 `{"code":0,"data": null }`,
		"data empty":                `{"code":0,"data":{}}`,
		"partial with strange data": `{"code":40006,"data":{"successDetails":1}}`,
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
		"failed batch without data":      {`{"code":40009,"data":null}`, APIError{Code: CodeBatchFailed, TraceID: testTraceID}},
		"long texts are cut": {
			`{"code":41001,"msg":"` + long + `","traceId":"` + long + `"}`,
			APIError{Code: CodeBalance, Message: long[:200], TraceID: long[:200]},
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
