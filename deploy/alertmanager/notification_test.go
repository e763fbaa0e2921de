package alertmanager

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
)

// A message is what a person gets, or what the webhook is sent.
type message struct{ kind, title, text string }

// inbox receives what Alertmanager sends to the chat, by e-mail and to the webhook.
type inbox struct {
	url, smtp string

	mu       sync.Mutex
	messages []message
}

func (in *inbox) put(m message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.messages = append(in.messages, m)
}

// take returns what came since it was last asked, once the chat and the webhook have
// n messages and the mail has some.
func (in *inbox) take(t *testing.T, n, mails int) []message {
	t.Helper()
	processtest.Eventually(t, fmt.Sprintf("%d messages and %d e-mails", n, mails), func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return len(of("chat", in.messages)) >= n && len(of("webhook", in.messages)) >= n && len(of("mail", in.messages)) >= mails
	})
	in.mu.Lock()
	defer in.mu.Unlock()
	all := in.messages
	in.messages = nil
	return all
}

func of(kind string, messages []message) (some []message) {
	for _, m := range messages {
		if m.kind == kind {
			some = append(some, m)
		}
	}
	return some
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Attachments []struct{ Title, Text string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Attachments) != 1 {
			http.Error(w, fmt.Sprint(err, body), http.StatusBadRequest)
			return
		}
		in.put(message{"chat", body.Attachments[0].Title, body.Attachments[0].Text})
		fmt.Fprint(w, "ok")
	})
	mux.HandleFunc("POST /webhook", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in.put(message{kind: "webhook", text: string(b)})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	in.url = server.URL

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	in.smtp = listener.Addr().String()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go in.receive(c)
		}
	}()
	return in
}

// receive speaks as much SMTP as it takes to be sent an e-mail.
func (in *inbox) receive(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 ready\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper(strings.TrimSpace(line)) {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var data strings.Builder
			for line := ""; line != ".\r\n"; data.WriteString(line) {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			title, text := letter(data.String())
			in.put(message{"mail", title, text})
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

// letter returns an e-mail's subject and text.
func letter(data string) (subject, text string) {
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		return err.Error(), data
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return err.Error(), data
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			break
		}
		b, err := io.ReadAll(part) // which decodes it
		if err != nil {
			return err.Error(), data
		}
		text += part.Header.Get("Content-Type") + "\n" + string(b)
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err.Error(), text
	}
	return subject, text
}

// fast returns an Alertmanager with the configuration that is shipped, but for
// addresses, and times, which are seconds.
func fast(t *testing.T, in *inbox, more ...string) string {
	t.Helper()
	b, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	chat := filepath.Join(dir, "chat")
	if err := os.WriteFile(chat, []byte(in.url+"/chat"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for replacement := range slices.Chunk(append([]string{
		"/etc/alertmanager/secrets/slack-webhook-url", chat,
		"http://localhost:8080/geelark-alerts", in.url + "/webhook",
		"smtp.example.com:587", in.smtp,
		"  smtp_auth_username: alertmanager@example.com\n", "  smtp_require_tls: false\n",
		"  smtp_auth_password_file: /etc/alertmanager/secrets/smtp-password\n", "",
		"group_wait: 30s", "group_wait: 6s", // not before all are posted
		"group_interval: 1m", "group_interval: 1s",
		"group_interval: 15m", "group_interval: 1s",
	}, more...), 2) {
		if !strings.Contains(text, replacement[0]) {
			t.Fatalf("%s has no %q", configFile, replacement[0])
		}
		text = strings.ReplaceAll(text, replacement[0], replacement[1])
	}
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startWith(t, config)
}

func startWith(t *testing.T, config string) string {
	t.Helper()
	cmd := exec.Command(tool(t, "ALERTMANAGER"), "--config.file="+config, "--storage.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	return "http://" + processtest.Start(t, cmd).Address()
}

// A fired alert is one as Prometheus sends it.
type fired struct {
	Labels      labels    `json:"labels"`
	Annotations labels    `json:"annotations"`
	EndsAt      time.Time `json:"endsAt,omitzero"`
}

func send(t *testing.T, base string, alerts ...fired) {
	t.Helper()
	for some := range slices.Chunk(alerts, 256) { // as many as Prometheus sends at a time
		body, err := json.Marshal(some)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(base+"/api/v2/alerts", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("posting alerts: %s", resp.Status)
		}
	}
}

// shippedAlert returns an alert with the severity and the runbook's address of the
// rules, and a text of theirs.
func shippedAlert(alert, severity, summary, description string, more labels) fired {
	l := labels{"alertname": alert, "severity": severity}
	maps.Copy(l, more)
	return fired{Labels: l, Annotations: labels{
		"summary": summary, "description": description,
		"runbook_url": "https://example.com/geelark_exporter/runbook.md#" + strings.ToLower(alert),
	}}
}

func stopped(account string, n int) (alerts []fired) {
	for i := range n {
		id := fmt.Sprint(500_000_000_000_000_000 + i)
		alerts = append(alerts, shippedAlert("GeelarkPhoneStopped", "warning",
			fmt.Sprintf("Phone farm-7-%04d in group farm-7 of account %s stopped", i+1, account),
			fmt.Sprintf("Phone %s of account %s ran within the last hour and is shut down now.", id, account),
			labels{"account": account, "id": id}))
	}
	return alerts
}

func resolved(alerts []fired) []fired {
	ended := slices.Clone(alerts)
	for i := range ended {
		ended[i].EndsAt = time.Now()
	}
	return ended
}

func unreachable(account string) fired {
	return shippedAlert("GeelarkAccountUnreachable", "critical", "Account "+account+" is unreachable",
		"For five minutes no status of a phone of account "+account+" could be read. What is exposed of its phones is old and will disappear. phone/status: timeout.",
		labels{"account": account, "api": "phone/status"})
}

// What a person gets fits on a phone's screen, and what a program gets into its
// limits, however much happens.
const (
	mostText    = 1200
	mostWebhook = 64 << 10
)

// TestWhatAPersonGets lets one thing after the other happen, each when the messages
// about the one before have come.
func TestWhatAPersonGets(t *testing.T) {
	t.Parallel()
	names := func(account string) string {
		var s string
		for i := range 5 {
			s += fmt.Sprintf("Phone farm-7-%04d in group farm-7 of account %s stopped\n", i+1, account)
		}
		return s
	}
	runbook := func(alert string) string {
		return "https://example.com/geelark_exporter/runbook.md#" + strings.ToLower(alert)
	}
	chat := func(title string, lines ...string) message {
		return message{"chat", title, strings.Join(lines, "\n")}
	}
	group := shippedAlert("GeelarkGroupDown", "critical", "Group farm-7 of account team-a is down",
		"100% of the phones in group farm-7 of account team-a that ran within the last hour have stopped: 5000 phones.",
		labels{"account": "team-a", "group": "farm-7"})
	exporter := shippedAlert("GeelarkExporterDown", "critical", "GeeLark exporter e:9824 is down",
		"Prometheus cannot scrape the GeeLark exporter e:9824 (job geelark). None of its other alerts can fire.",
		labels{"job": "geelark", "instance": "e:9824"})
	var accounts, lost, everything []fired
	for i := range 100 {
		account := fmt.Sprintf("team-%02d", i)
		accounts = append(accounts, unreachable(account))
		lost = append(lost, shippedAlert("GeelarkAccountNotWatched", "critical", "Account "+account+" is not watched",
			"No exporter exposes account "+account+", which e:9824 was the last to do. None of its other alerts can fire.",
			labels{"account": account, "instance": "e:9824"}))
		everything = append(everything, stopped(account, 20)...)
	}
	everything = slices.Concat([]fired{exporter}, lost, accounts, everything)

	for _, test := range []struct {
		name   string
		alerts []fired
		chat   []message
		mails  int
	}{
		{"one phone", stopped("team-a", 1), []message{chat("FIRING warning: GeelarkPhoneStopped, account team-a",
			"Phone farm-7-0001 in group farm-7 of account team-a stopped",
			"Phone 500000000000000000 of account team-a ran within the last hour and is shut down now.",
			runbook("GeelarkPhoneStopped"))}, 0},
		{"fifty phones", stopped("team-a", 50), []message{chat("FIRING warning: 50 GeelarkPhoneStopped, account team-a",
			"50 alerts, of which five:", strings.TrimSpace(names("team-a")), runbook("GeelarkPhoneStopped"))}, 0},
		{"five thousand phones", stopped("team-a", 5000), []message{chat("FIRING warning: 5000 GeelarkPhoneStopped, account team-a",
			"5000 alerts, of which five:", strings.TrimSpace(names("team-a")), runbook("GeelarkPhoneStopped"))}, 0},
		{"five thousand phones of many accounts", slices.Concat(stopped("team-a", 2000), stopped("team-b", 2000), stopped("team-c", 250),
			stopped("team-d", 250), stopped("team-e", 250), stopped("team-f", 250)), []message{chat("FIRING warning: 5000 GeelarkPhoneStopped",
			"5000 alerts, of which five:", names("team-a")+"Accounts: team-a team-b team-c team-d team-e and others", runbook("GeelarkPhoneStopped"))}, 0},
		{"a group of five thousand phones", []fired{group}, []message{chat("FIRING critical: GeelarkGroupDown, account team-a",
			"Group farm-7 of account team-a is down",
			"100% of the phones in group farm-7 of account team-a that ran within the last hour have stopped: 5000 phones.",
			runbook("GeelarkGroupDown"))}, 1},
		{"an account, with all of its phones", append([]fired{unreachable("team-a")}, stopped("team-a", 5000)...), []message{chat("FIRING critical: GeelarkAccountUnreachable, account team-a",
			"Account team-a is unreachable",
			"For five minutes no status of a phone of account team-a could be read. What is exposed of its phones is old and will disappear. phone/status: timeout.",
			runbook("GeelarkAccountUnreachable"))}, 1},
		{"a hundred accounts", accounts, []message{chat("FIRING critical: 100 GeelarkAccountUnreachable",
			"100 alerts, of which five:", "Account team-00 is unreachable", "Account team-01 is unreachable", "Account team-02 is unreachable",
			"Account team-03 is unreachable", "Account team-04 is unreachable", "Accounts: team-00 team-01 team-02 team-03 team-04 and others",
			runbook("GeelarkAccountUnreachable"))}, 1},
		{"an exporter that is gone with a hundred accounts", lost, []message{chat("FIRING critical: 100 GeelarkAccountNotWatched",
			"100 alerts, of which five:", "Account team-00 is not watched", "Account team-01 is not watched", "Account team-02 is not watched",
			"Account team-03 is not watched", "Account team-04 is not watched", "Accounts: team-00 team-01 team-02 team-03 team-04 and others",
			runbook("GeelarkAccountNotWatched"))}, 1},
		{"an exporter that is down, and everything about its accounts at once", everything, []message{chat("FIRING critical: GeelarkExporterDown",
			"GeeLark exporter e:9824 is down",
			"Prometheus cannot scrape the GeeLark exporter e:9824 (job geelark). None of its other alerts can fire.",
			runbook("GeelarkExporterDown"))}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			base := fast(t, in)
			check := func(want []message, mails int) {
				t.Helper()
				got := in.take(t, len(want), mails)
				most := map[string]int{"chat": mostText, "mail": 2 * mostText, "webhook": mostWebhook}
				for i, m := range got {
					got[i].text = strings.TrimSpace(m.text)
					if n := len(m.title) + len(m.text); n > most[m.kind] {
						t.Errorf("%s: %d bytes, want at most %d", m.kind, n, most[m.kind])
					}
				}
				if chat := of("chat", got); !slices.Equal(chat, want) {
					t.Errorf("the chat has\n%v\nwant\n%v", chat, want)
				}
				if n := len(of("mail", got)); n != mails {
					t.Errorf("%d e-mails, want %d", n, mails)
				}
				for _, m := range of("mail", got) {
					if m.title != want[0].title || !strings.Contains(strings.ReplaceAll(m.text, "\r", ""), want[0].text) {
						t.Errorf("the e-mail is\n%s\n%s", m.title, m.text)
					}
				}
			}
			send(t, base, test.alerts...)
			check(test.chat, test.mails)
		})
	}
}

// Ends are told as alerts are.
func TestWhatAPersonGetsOfAnEnd(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	base := fast(t, in)
	send(t, base, stopped("team-a", 50)...)
	in.take(t, 1, 0)
	send(t, base, resolved(stopped("team-a", 50))...)
	got := of("chat", in.take(t, 1, 0))
	want := "Resolved 50, of which five:\nPhone farm-7-0001 in group farm-7 of account team-a stopped\n"
	if len(got) != 1 || got[0].title != "RESOLVED warning: 50 GeelarkPhoneStopped, account team-a" || !strings.HasPrefix(strings.TrimSpace(got[0].text), want) || len(got[0].text) > mostText {
		t.Errorf("the chat has %v", got)
	}
}

// An interval that is muted at this hour holds the group's alert back, one that is
// not lets it through.
func TestAMuteTimeIntervalHoldsAGroupBack(t *testing.T) {
	t.Parallel()
	down := func(group string) fired {
		return shippedAlert("GeelarkGroupDown", "critical", "Group "+group+" is down", "", labels{"account": "a", "group": group})
	}
	always := []string{
		"- {start_time: '22:00', end_time: '24:00'}", "- {start_time: '00:00', end_time: '12:00'}",
		"- {start_time: '00:00', end_time: '07:00'}", "- {start_time: '12:00', end_time: '24:00'}",
	}
	muted := newInbox(t)
	base := fast(t, muted, always...)
	send(t, base, down("night-off"), down("other"))
	if got := of("chat", muted.take(t, 1, 1)); len(got) != 1 || !strings.Contains(got[0].text, "Group other is down") {
		t.Errorf("by night the chat has %v", got)
	}
	var groups []struct{ Alerts []alert }
	get(t, base+"/api/v2/alerts/groups?receiver=chat-and-email", &groups)
	for _, g := range groups {
		for _, a := range g.Alerts {
			if muted := len(a.Status.MutedBy) > 0; muted != (a.Labels["group"] == "night-off") {
				t.Errorf("%v is muted by %v", a.Labels, a.Status.MutedBy)
			}
		}
	}
	if len(groups) != 2 {
		t.Errorf("there are %d groups of alerts, want 2", len(groups))
	}

	// Any time but this: a minute on the other side of the clock.
	now := time.Now().UTC().Add(12 * time.Hour)
	never := []string{
		"- {start_time: '22:00', end_time: '24:00'}", fmt.Sprintf("- {start_time: '%02d:00', end_time: '%02d:30'}", now.Hour(), now.Hour()),
		"          - {start_time: '00:00', end_time: '07:00'}\n", "",
	}
	awake := newInbox(t)
	send(t, fast(t, awake, never...), down("night-off"))
	if got := of("chat", awake.take(t, 1, 0)); len(got) != 1 || !strings.Contains(got[0].text, "Group night-off is down") {
		t.Errorf("by day the chat has %v", got)
	}
}
