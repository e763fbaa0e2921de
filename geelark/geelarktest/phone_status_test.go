package geelarktest_test

import (
	"encoding/json"
	"testing"

	"geelark_exporter/geelark"
)

func TestStatusParameters(t *testing.T) {
	s, _ := still(1)
	id := s.IDs()[0]
	for _, tt := range []struct {
		name string
		body string
		want geelark.Code
	}{
		{"ids are required", `{}`, geelark.CodeParameter},
		{"ids must not be null", `{"ids":null}`, geelark.CodeParameter},
		{"ids must not be empty", `{"ids":[]}`, geelark.CodeParameter},
		{"ids must be an array", `{"ids":"` + id + `"}`, geelark.CodeParameter},
		{"ids must be strings", `{"ids":[` + id + `]}`, geelark.CodeParameter},
		{"a hundred ids are fine", encode(t, ids(repeat(id, 100)...)), geelark.CodeOK},
		{"more are not", encode(t, ids(repeat(id, 101)...)), geelark.CodeParameter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			equal(t, "code", call(t, s, "phone/status", tt.body).Code, tt.want)
		})
	}
}

func TestStatusTellsEveryStatus(t *testing.T) {
	s, _ := still(4)
	all := s.IDs()
	for i, code := range []int{0, 1, 3, 7} {
		s.SetStatus(all[i], code)
	}
	b := get[batch](t, s, "phone/status", ids(all...))
	for i, want := range []int{0, 1, 3, 7} {
		equal(t, "id", b.SuccessDetails[i].ID, all[i])
		equal(t, "status", b.SuccessDetails[i].Status, want)
		p, _ := s.Phone(all[i])
		equal(t, "name", b.SuccessDetails[i].SerialName, p.SerialName)
	}
	equal(t, "total", b.TotalAmount, 4)
	equal(t, "successes", b.SuccessAmount, 4)
	equal(t, "failures", b.FailAmount, 0)
}

func TestStatusOfUnknownAndRepeatedIDs(t *testing.T) {
	s, _ := still(2)
	id, gone := s.IDs()[0], s.IDs()[1]
	s.Remove(gone, "never was")
	b := get[batch](t, s, "phone/status", ids(id, gone, id, ""))
	equal(t, "total", b.TotalAmount, 4)
	equal(t, "successes", []any{b.SuccessAmount, b.SuccessDetails[0].ID, b.SuccessDetails[1].ID}, []any{2, id, id})
	equal(t, "failures", b.FailAmount, 2)
	for i, want := range []string{gone, ""} {
		equal(t, "failed id", b.FailDetails[i].ID, want)
		equal(t, "code", b.FailDetails[i].Code, geelark.CodePhoneNotFound)
		equal(t, "msg", b.FailDetails[i].Msg, "env not found")
	}
	if _, ok := s.Phone(gone); ok {
		t.Error("the removed phone still exists")
	}
}

func TestStatusHasTheDocumentedFieldsAndNoOther(t *testing.T) {
	s, _ := still(1)
	id := s.IDs()[0]
	s.Rename(id, "name1")
	s.SetStatus(id, 0)
	a := call(t, s, "phone/status", encode(t, ids(id, "123456ABCDEF")))
	want := `{"traceId":"` + traceID + `","code":0,"msg":"success","data":{` +
		`"totalAmount":2,"successAmount":1,"failAmount":1,` +
		`"successDetails":[{"id":"` + id + `","serialName":"name1","status":0}],` +
		`"failDetails":[{"code":42001,"id":"123456ABCDEF","msg":"env not found"}]}}`
	equal(t, "answer", json.RawMessage(a.Raw), json.RawMessage(want))
}
