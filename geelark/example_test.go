package geelark_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const token = "example-token"

// newClient returns a client of a simulated account with three phones.
func newClient() (*geelark.Client, *geelarktest.Server) {
	api := geelarktest.New(geelarktest.Config{Phones: 3, Seed: 1, Token: token, Still: true})
	for i, id := range api.IDs() {
		api.Edit(id, func(p *geelarktest.Phone) {
			p.SerialName, p.Group = fmt.Sprintf("phone %d", i+1), "farm"
		})
		api.SetStatus(id, i)
	}
	client, err := geelark.New(
		geelark.Credentials{Token: token},
		geelark.NewBudgets(geelark.VendorLimits(), time.Now),
		geelark.WithTransport(api.RoundTripper()),
	)
	if err != nil {
		log.Fatal(err)
	}
	return client, api
}

// A token in a file is read before each request, so that it can be rotated.
func ExampleNew() {
	budgets := geelark.NewBudgets(geelark.Limits{PerMinute: 150, PerHour: 18000}, time.Now)
	client, err := geelark.New(geelark.TokenFile("/etc/geelark/token"), budgets,
		geelark.WithBaseURL("https://openapi.geelark.com/open/v1"),
		geelark.WithTimeout(10*time.Second),
		geelark.WithObserver(func(r geelark.Request) { log.Print(r.Endpoint, r.Outcome, r.Duration) }),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdleConnections()
	fmt.Println(client.Budget(geelark.EndpointPhoneStatus).MinuteRemaining, "requests are left for this minute")
	// Output: 150 requests are left for this minute
}

func ExampleClient_PhoneStatus() {
	client, api := newClient()
	answer, err := client.PhoneStatus(context.Background(), append(api.IDs(), "1234"))
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range answer.Phones {
		fmt.Println(p.SerialName, "is", p.Status)
	}
	for _, f := range answer.Failures {
		fmt.Println(f.ID, "was not looked up:", f.Code)
	}
	// Output:
	// phone 1 is started
	// phone 2 is starting
	// phone 3 is shut_down
	// 1234 was not looked up: 42001: phone does not exist
}

// What to ask for is decided when the request is sure to be sent.
func ExampleClient_ReservePhoneStatus() {
	client, api := newClient()
	place, next := client.ReservePhoneStatus()
	if place == nil {
		fmt.Println("no request can be sent until", next)
		return
	}
	answer, err := place.PhoneStatus(context.Background(), api.IDs()[:1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(answer.Phones), "phone was looked up")
	// Output: 1 phone was looked up
}

func ExampleClient_PhoneList() {
	client, _ := newClient()
	page, err := client.PhoneList(context.Background(), geelark.PhoneListFilter{GroupName: "farm"}, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Phones), "phones of", page.Total)
	// Output: 2 phones of 3
}

func ExampleClient_AllPhones() {
	client, _ := newClient()
	skipped := 0
	for phone, err := range client.AllPhones(context.Background(), geelark.PhoneListFilter{}, func(p *geelark.PhonePage) { skipped += p.Skipped }) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(phone.SerialName, "in", phone.Group.Or("a group that was not told"))
	}
	fmt.Println(skipped, "items named no phone")
	// Unordered output:
	// phone 1 in farm
	// phone 2 in farm
	// phone 3 in farm
	// 0 items named no phone
}

func ExampleClient_Wallet() {
	client, api := newClient()
	billing := api.Billing()
	billing.Balance, billing.AvailableTimeAddOn = 12.5, 90
	api.SetBilling(billing)

	wallet, err := client.Wallet(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if balance, ok := wallet.Balance.Get(); ok {
		fmt.Println("balance:", balance)
	}
	if left, ok := wallet.TimeAddOns.Get(); ok {
		fmt.Println("prepaid:", left)
	}
	// Output:
	// balance: 12.5
	// prepaid: 1h30m0s
}

func ExampleClient_PlanInfo() {
	client, api := newClient()
	billing := api.Billing()
	billing.Plan, billing.Parallels = 1, 20
	api.SetBilling(billing)

	plan, err := client.PlanInfo(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("plan:", plan.Plan.Or(-1))
	fmt.Println("phones at once:", plan.Parallels.Or(0))
	// Output:
	// plan: pro
	// phones at once: 20
}

// newBusyClient returns a client of a simulated account that was at work for a day.
func newBusyClient() *geelark.Client {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	api := geelarktest.New(geelarktest.Config{
		Phones: 3, Seed: 1, Token: token, Past: 24 * time.Hour, Now: func() time.Time { return noon },
		Usage: geelarktest.Usage{Every: 10 * time.Minute}, TasksPerDay: 4,
	})
	client, err := geelark.New(
		geelark.Credentials{Token: token},
		geelark.NewBudgets(geelark.VendorLimits(), time.Now),
		geelark.WithTransport(api.RoundTripper()),
	)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// An entry can stand on two pages, so that each is counted by its id.
func ExampleClient_Transactions() {
	client := newBusyClient()
	seen := make(map[string]bool)
	used := make(map[geelark.ChargeType]time.Duration)
	query := geelark.FlowQuery{Limit: geelark.MaxFlows}
	for {
		page, err := client.Transactions(context.Background(), query)
		if err != nil {
			log.Fatal(err)
		}
		for _, f := range page.Flows {
			if !seen[f.ID] {
				seen[f.ID] = true
				used[f.Charge] += f.Used
			}
		}
		if query.After = page.Last; len(page.Flows) < query.Limit || page.Last == "" {
			break
		}
	}
	for charge, d := range used {
		fmt.Println(charge, d)
	}
	// Unordered output:
	// parallels 14h11m0s
	// points 1h37m0s
}

func ExampleClient_TaskHistory() {
	client := newBusyClient()
	page, err := client.TaskHistory(context.Background(), "", geelark.MaxTasks)
	if err != nil {
		log.Fatal(err)
	}
	count := make(map[geelark.TaskStatus]int)
	for _, task := range page.Tasks {
		count[task.Status]++
	}
	for status, n := range count {
		fmt.Println(n, status)
	}
	// Unordered output:
	// 2 waiting
	// 9 completed
	// 1 cancelled
}

func ExampleClient_Tasks() {
	client := newBusyClient()
	page, err := client.TaskHistory(context.Background(), "", 1)
	if err != nil {
		log.Fatal(err)
	}
	tasks, err := client.Tasks(context.Background(), []string{page.Tasks[0].ID, "no such task"})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tasks {
		fmt.Println(t.Type, "is", t.Status)
	}
	// Output: tiktok_warmup is waiting
}

// Errors say by their type what can be done about them.
func ExampleAPIError() {
	client, api := newClient()
	api.Inject(geelarktest.Fault{Endpoint: "pay/wallet", Code: geelark.CodeHourLimit, Times: 1})
	_, err := client.Wallet(context.Background())
	fmt.Println(errors.Is(err, geelark.CodeHourLimit))

	// The endpoint is locked for two hours: nothing more is sent to it.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = client.Wallet(ctx)
	if limit, ok := errors.AsType[*geelark.LimitError](err); ok {
		fmt.Println("paused:", limit.Paused())
	}
	// Output:
	// true
	// paused: true
}
