"""The pages that people look at. They show and store by the functions of the API."""
