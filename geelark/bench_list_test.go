package geelark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// listPageOf returns an answer with n phones of which everything is told.
func listPageOf(t testing.TB, n int) string {
	t.Helper()
	documented := readTestdata(t, "phone-list.json")
	from, to := strings.Index(documented, `"items": [`)+len(`"items": [`), strings.LastIndex(documented, "]")
	var items []string
	for i := range n {
		items = append(items, strings.ReplaceAll(documented[from:to], "497652752405725185", fmt.Sprint(497652752405725185+i)))
	}
	page := documented[:from] + strings.Join(items, ",") + documented[to:]
	page = strings.Replace(page, `"total": 1`, fmt.Sprintf(`"total": %d`, n), 1)
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(page)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func BenchmarkDecodeListOf100Phones(b *testing.B) {
	answer := served(listPageOf(b, MaxListPageSize))
	h := &envelopeHandler{next: answer}
	b.ReportAllocs()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		d := phoneListData{}
		if err := h.do(b.Context(), &call{endpoint: EndpointPhoneList, out: &d}); err != nil {
			b.Fatal(err)
		}
		if n := len(d.page.Phones); n != MaxListPageSize {
			b.Fatal(n)
		}
	}
}
