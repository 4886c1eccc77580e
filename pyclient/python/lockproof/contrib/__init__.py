"""Lockproof's memcached client behind the interfaces of other projects, which must be installed beside it.

==================================  ===========================
:mod:`lockproof.contrib.django`     a cache backend for Django
:mod:`lockproof.contrib.cachelib`   a cache for cachelib
==================================  ===========================
"""
