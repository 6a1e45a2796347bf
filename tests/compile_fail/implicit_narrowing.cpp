// SPDX-License-Identifier: MIT
// error: conversion from
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
fb::bf16 narrow = 1.0f;
#else
fb::bf16 narrow{1.0f};
#endif
