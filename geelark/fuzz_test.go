package geelark

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer answers every call with the same text. What comes of it is an answer
// that holds what was asked for, or a typed error that quotes nothing but the
// envelope's message.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		statusOK, `{"code":0,"data":{"total":1,"items":[{"id":"1","status":0,"tags":[{"name":"a"}],"group":{"name":"g"},"equipmentInfo":{"netType":1}}]}}`,
		`{"code":0,"data":{"balance":1.5,"giftMoney":"2","availableTimeAddOn":3}}`, `{"code":0,"data":{"plan":1,"expirationTime":1700000000,"monthlyFee":1e3}}`,
		`{"code":0,"data":{"total":1,"lastFlowId":"9","list":[{"id":"9","envId":"1","type":1,"chargeType":2,"amount":0.007,"usedTime":1,"createdTime":1700000000}]}}`,
		`{"code":0,"data":{"total":1,"items":[{"id":"7","planName":"p","taskType":1,"envId":"1","scheduleAt":1700000000,"status":4,"failCode":20116,"failDesc":"d","cost":9}]}}`,
		`{"code":40006,"msg":"m","traceId":"t","data":{"failDetails":[{"id":1,"code":42001}]}}`, `{"code":50000}`, "", "null", "[", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		c := newClient(t, play(answerBody(answer)), WithRetries(0))
		for name, call := range map[string]func() (any, bool, error){
			"wallet": func() (any, bool, error) { v, err := c.Wallet(t.Context()); return v, v == nil, err },
			"plan":   func() (any, bool, error) { v, err := c.PlanInfo(t.Context()); return v, v == nil, err },
			"flows": func() (any, bool, error) {
				v, err := c.Transactions(t.Context(), FlowQuery{})
				return v, v == nil, err
			},
			"history": func() (any, bool, error) { v, err := c.TaskHistory(t.Context(), "", 10); return v, v == nil, err },
			"tasks": func() (any, bool, error) {
				v, err := c.Tasks(t.Context(), []string{"7"})
				return v, err != nil && v == nil, err
			},
			"list": func() (any, bool, error) {
				v, err := c.PhoneList(t.Context(), PhoneListFilter{}, 1, 100)
				return v, v == nil, err
			},
			"status": func() (any, bool, error) {
				v, err := c.PhoneStatus(t.Context(), []string{"1"})
				return v, v == nil, err
			},
		} {
			v, none, err := call()
			switch {
			case err == nil && none:
				t.Errorf("%s: neither an answer nor an error", name)
			case err != nil && !none:
				t.Errorf("%s: both %+v and %v", name, v, err)
			case err != nil:
				wantTyped(t, err)
				if _, ok := errors.AsType[*APIError](err); !ok && len(answer) > 20 && strings.Contains(err.Error(), answer) {
					t.Errorf("%s: the error quotes the answer: %v", name, err)
				}
			}
			if p, ok := v.(*PlanInfo); ok && p != nil && !p.ExpirationTime.IsZero() && (p.ExpirationTime.Year() < 1970 || p.ExpirationTime.After(time.Unix(1<<40, 0))) {
				t.Errorf("the plan ends in %d", p.ExpirationTime.Year())
			}
		}
	})
}
