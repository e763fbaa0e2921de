package watch

import "geelark_exporter/geelark"

// The collectors that can be switched on and off and chosen by a scrape.
const (
	CollectorStatus    = "status"    // phone/status: each phone's status
	CollectorInventory = "inventory" // phone/list: names, groups, tags, subscriptions
	CollectorBilling   = "billing"   // pay/wallet and pay/plan/info
	CollectorUsage     = "usage"     // billing/transaction/detail: minutes and money
	CollectorTasks     = "tasks"     // task/historyRecords, task/query: automation tasks
)

// Collectors returns the names of all collectors.
func Collectors() []string {
	return []string{CollectorStatus, CollectorInventory, CollectorBilling, CollectorUsage, CollectorTasks}
}

// DefaultCollectors returns those that are on unless somebody says otherwise.
func DefaultCollectors() []string {
	return []string{CollectorStatus, CollectorInventory, CollectorBilling}
}

// endpointsOf are the endpoints that a collector calls.
func endpointsOf(collector string) []geelark.Endpoint {
	switch collector {
	case CollectorStatus:
		return []geelark.Endpoint{geelark.EndpointPhoneStatus}
	case CollectorInventory:
		return []geelark.Endpoint{geelark.EndpointPhoneList}
	case CollectorUsage:
		return []geelark.Endpoint{geelark.EndpointTransactions}
	case CollectorTasks:
		return []geelark.Endpoint{geelark.EndpointTaskHistory, geelark.EndpointTaskQuery}
	}
	return []geelark.Endpoint{geelark.EndpointWallet, geelark.EndpointPlanInfo}
}
