package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

// hostileNames have every byte, every control character, and what has a meaning to
// HTML, scripts, logs, expositions, queries and terminals.
func hostileNames() (names []string) {
	for b := range 256 {
		names = append(names, fmt.Sprintf("byte %02x %c \\%c \"%c", b, rune(b), rune(b), rune(b)))
	}
	for _, r := range []rune{0x200b, 0x200e, 0x202e, 0x2028, 0x2029, 0x2066, 0xfeff, 0xfffd, 0xffff, 0x10ffff, 0xe0001, 0x1f4f1, '手'} {
		names = append(names, fmt.Sprintf("rune %U %c%c", r, r, r))
	}
	return append(names,
		"raw \xff\xfe\xc0\xaf", "</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "<!--", "]]>", "&lt;b&gt;&#60;", "javascript:alert(1)", "{{.}} ${x} $(id) `id`",
		"\nlevel=error msg=forged", "\r\n\r\nHTTP/1.1 200 OK", "x\"} 1\ngeelark_up{account=\"default\"} 0\n# ", "# EOF", "\n# EOF\n", `\n`, `\`, `\\"`, `"`, "'", "a=b c", ",|;,", "%00%zz", "../../etc/passwd",
		"\x1b[2J\x1b]0;title\x07", strings.Repeat("long", 5000), strings.Repeat("\"\\\n", 500),
	)
}

func TestWhateverANameHoldsItStaysAName(t *testing.T) {
	t.Parallel()
	names := hostileNames()
	api, base := simulate(t, len(names))
	want := make(map[string]string)
	for i, id := range api.IDs() {
		api.Edit(id, func(p *geelarktest.Phone) {
			p.SerialName, p.Group, p.Tags, p.Remark = names[i], names[len(names)-1-i], []string{names[i]}, names[i]
		})
		want[id] = string([]rune(names[i]))
	}
	for _, format := range []string{"logfmt", "json"} {
		p := exporterOf(t, base, "--log.level=debug", "--log.format="+format, "--no-collector.billing", "--web.disable-exporter-metrics")
		processtest.Eventually(t, "all phones are described", func() bool { return len(p.scrape().values("geelark_phone_info", "id")) == len(names) })
		for _, accept := range []string{"text/plain;version=0.0.4", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
			f := p.scrape("Accept", accept)
			for _, m := range f["geelark_phone_info"].GetMetric() {
				labels := make(map[string]string)
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
					if !utf8.ValidString(l.GetValue()) {
						t.Errorf("%s: %q is no UTF-8", accept, l.GetValue())
					}
				}
				if got, name := labels["serial_name"], want[labels["id"]]; !same(got, name) {
					t.Errorf("%s: the name %.200q is exposed as %.200q", accept, name, got)
				}
			}
			if f.value("geelark_up") != 1 || len(f["geelark_up"].GetMetric()) != 1 {
				t.Errorf("%s: geelark_up is forged", accept)
			}
		}
		openMetrics := string(p.get("/metrics", "Accept", "application/openmetrics-text;version=1.0.0").body)
		if !strings.HasSuffix(openMetrics, "\n# EOF\n") || strings.Count(openMetrics, "\n# EOF\n") != 1 || strings.Contains(openMetrics, "\n# EOF\"") {
			t.Error("OpenMetrics ends in its middle")
		}
		for i, name := range names {
			if format == "json" && i%20 != 0 {
				continue // the pages are the same
			}
			for _, path := range []string{"/?q=" + url.QueryEscape(name), "/?group=" + url.QueryEscape(name), "/?account=default&id=" + api.IDs()[i], "/probe?account=" + url.QueryEscape(name)} {
				if len(path) > 10_000 {
					continue // longer than a browser's
				}
				a := p.get(path)
				if a.status != http.StatusOK && a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
					t.Errorf("%.100s: status %d", path, a.status)
				}
				if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
					continue
				}
				page, err := html.Parse(strings.NewReader(string(a.body)))
				if err != nil {
					t.Fatal(err)
				}
				for n := range page.Descendants() {
					if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img") || n.Type == html.CommentNode {
						t.Errorf("%.100s has an element %s", path, n.Data)
					}
				}
			}
		}
		p.Stop()
		for line := range strings.Lines(p.Stderr.String()) {
			sound := strings.HasPrefix(line, "level=") && !strings.Contains(line, "msg=forged")
			if format == "json" {
				sound = json.Valid([]byte(line))
			}
			if !sound || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\x1b\x07\x00") {
				t.Errorf("%s: a line of the log is %.300q", format, line)
			}
		}
	}
}

// same reports whether an exposed name is that of the API, which may be bounded.
func same(got, name string) bool {
	return got == name || len(name) > 100 && strings.HasPrefix(name, strings.TrimSuffix(got, "…")) && got != ""
}
