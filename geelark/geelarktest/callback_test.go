package geelarktest_test

import (
	"testing"

	"geelark_exporter/geelark"
)

func TestCallback(t *testing.T) {
	s, _ := still(0)
	get := func() answer { return call(t, s, "callback/get", "{}") }
	equal(t, "none is set", get().Code, geelark.CodeCallbackNotDefined)

	for _, tt := range []struct {
		name, body string
		want       geelark.Code
	}{
		{"a URL is required", `{}`, geelark.CodeParameter},
		{"an empty URL is none", `{"url":""}`, geelark.CodeParameter},
		{"a number is none", `{"url":1}`, geelark.CodeParameter},
		{"a path is none", `{"url":"/callback"}`, geelark.CodeParameter},
		{"a scheme alone is none", `{"url":"https://"}`, geelark.CodeParameter},
		{"another scheme is refused", `{"url":"ftp://example.com/"}`, geelark.CodeParameter},
		{"a broken URL is refused", `{"url":"http://[::1"}`, geelark.CodeParameter},
		{"http is fine", `{"url":"http://example.com/callback"}`, geelark.CodeOK},
		{"https is fine", `{"url":"https://example.com/callback"}`, geelark.CodeOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			equal(t, "code", call(t, s, "callback/set", tt.body).Code, tt.want)
		})
	}
	equal(t, "the last is set", string(get().Data), `{"url":"https://example.com/callback"}`)
}
