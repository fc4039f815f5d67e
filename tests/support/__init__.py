"""What tests, benchmarks and torture scripts share: real servers, started and surely ended."""
