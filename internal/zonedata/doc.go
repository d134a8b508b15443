// Package zonedata holds releases of the IANA time zone database: the one that is built in, and
// one that an operator gives. It must not know what a zone is used for, and reads no zone from
// $ZONEINFO or the machine's own files.
package zonedata
