// Package zonekeeper keeps the zone data of this process and the rules in the record the same:
// newer rules are taken into the record, and rules that the record has from a newer release are
// followed. It must not know what zones are used for.
package zonekeeper
